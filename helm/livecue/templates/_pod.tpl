{{- define "livecue.pod" -}}
metadata:
  labels:
    {{- include "livecue.selector" . | nindent 4 }}
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    # livecue reads its configuration once: a change of it rolls the pod.
    checksum/config: {{ printf "%s%s" (toYaml .Values.config) (toYaml .Values.packs) | sha256sum }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  automountServiceAccountToken: false
  {{- with .Values.serviceAccountName }}
  serviceAccountName: {{ . }}
  {{- end }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with .Values.image.pullSecrets }}
  imagePullSecrets: {{- toYaml . | nindent 4 }}
  {{- end }}
  terminationGracePeriodSeconds: 30
  securityContext:
    runAsNonRoot: true
    runAsUser: 10001
    runAsGroup: 10001
    fsGroup: 10001
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile: {type: RuntimeDefault}
  containers:
    - name: livecue
      image: "{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}"
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args: [run, -c, /etc/livecue/livecue.yaml]
      env:
        - {name: LIVECUE_HTTP__PORT, value: {{ .Values.config.http.port | quote }}}
        {{- with .Values.env }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      ports:
        - {name: http, containerPort: {{ .Values.config.http.port }}}
      # /livez says that the process answers; /readyz that bus, inbox and cloud all work. A cloud that
      # cannot be reached is no reason to restart anything, so liveness must not ask for /readyz.
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
        httpGet: {path: /readyz, port: http}
        periodSeconds: 5
        timeoutSeconds: 3
      resources: {{- toYaml .Values.resources | nindent 8 }}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities: {drop: [ALL]}
      volumeMounts:
        - {name: config, mountPath: /etc/livecue/livecue.yaml, subPath: livecue.yaml, readOnly: true}
        - {name: secrets, mountPath: /etc/livecue/secrets, readOnly: true}
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
    - name: secrets
      secret: {secretName: {{ .Values.secretName }}, defaultMode: 0440}
    - name: tmp
      emptyDir: {}
    {{- if not (include "livecue.embedded" .) }}
    - name: data
      emptyDir: {}
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
{{- end -}}
