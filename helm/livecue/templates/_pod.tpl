{{- define "livecue.pod" -}}
metadata:
  labels:
    {{- include "livecue.selector" . | nindent 4 }}
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    # A change of the configuration rolls the pod; keys, tokens and packs are taken while it runs.
    checksum/config: {{ include "livecue.rolling-config" . | sha256sum }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  automountServiceAccountToken: false
  enableServiceLinks: false
  {{- with .Values.serviceAccountName }}
  serviceAccountName: {{ . }}
  {{- end }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with .Values.image.pullSecrets }}
  imagePullSecrets: {{- toYaml . | nindent 4 }}
  {{- end }}
  terminationGracePeriodSeconds: {{ include "livecue.grace-seconds" . }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 10001
    runAsGroup: 10001
    fsGroup: 10001
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile: {type: RuntimeDefault}
  containers:
    - name: livecue
      image: {{ include "livecue.image" . | quote }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args:
        - run
        - -c
        - /etc/livecue/config/livecue.yaml
        {{- if .Values.stopLivesOnExit }}
        - --stop-lives-on-exit
        {{- end }}
      env:
        - {name: LIVECUE_HTTP__PORT, value: {{ .Values.config.http.port | quote }}}
        {{- with .Values.env }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      ports:
        - {name: http, containerPort: {{ .Values.config.http.port }}}
      # /livez says that the event loop turns, /readyz that the daemon's own consumers do. A cloud that
      # cannot be reached is no reason to restart anything, nor to take a pod out of service.
      startupProbe:
        httpGet: {path: /livez, port: http}
        periodSeconds: 2
        failureThreshold: 30
      livenessProbe:
        httpGet: {path: /livez, port: http}
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 3
      readinessProbe:
        httpGet: {path: "/readyz?parts=bus,inbox", port: http}
        periodSeconds: 5
        timeoutSeconds: 3
      lifecycle:
        # Until every proxy has forgotten the pod, callbacks still come.
        preStop:
          exec: {command: [python, -c, "import time; time.sleep({{ include "livecue.pre-stop-seconds" . }})"]}
      resources: {{- toYaml .Values.resources | nindent 8 }}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities: {drop: [ALL]}
      # None of them by subPath: what changes in a Secret or a ConfigMap reaches the files of a running pod.
      volumeMounts:
        - {name: config, mountPath: /etc/livecue/config, readOnly: true}
        {{- if .Values.secrets }}
        - {name: secrets, mountPath: /etc/livecue/secrets, readOnly: true}
        {{- end }}
        - {name: data, mountPath: /var/lib/livecue}
        - {name: tmp, mountPath: /tmp}
        {{- if .Values.packs }}
        - {name: packs, mountPath: /etc/livecue/packs, readOnly: true}
        {{- end }}
  volumes:
    - name: config
      {{- if .Values.existingConfigSecret }}
      secret: {secretName: {{ .Values.existingConfigSecret }}, defaultMode: 0440}
      {{- else }}
      configMap: {name: {{ include "livecue.name" . }}}
      {{- end }}
    {{- with .Values.secrets }}
    - name: secrets
      projected:
        defaultMode: 0440
        sources:
          {{- range . }}
          - secret: {{- toYaml . | nindent 14 }}
          {{- end }}
    {{- end }}
    - name: tmp
      emptyDir: {sizeLimit: 256Mi}
    {{- if not (include "livecue.embedded" .) }}
    - name: data
      emptyDir: {sizeLimit: 256Mi}
    {{- end }}
    {{- if .Values.packs }}
    - name: packs
      configMap:
        name: {{ include "livecue.name" . }}-packs
        items:
          {{- range $name, $_ := .Values.packs }}
          - {key: {{ $name }}.yaml, path: {{ $name }}/pack.yaml}
          {{- end }}
    {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if .Values.topologySpread.enabled }}
  topologySpreadConstraints:
    - maxSkew: {{ .Values.topologySpread.maxSkew }}
      topologyKey: {{ .Values.topologySpread.topologyKey }}
      whenUnsatisfiable: {{ .Values.topologySpread.whenUnsatisfiable }}
      labelSelector:
        matchLabels: {{- include "livecue.selector" . | nindent 10 }}
  {{- end }}
{{- end -}}
