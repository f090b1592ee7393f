{{/* What cannot work is refused here, in words, before anything is installed. */}}
{{- define "livecue.checks" -}}
{{- include "livecue.check-replicas" . -}}
{{- include "livecue.check-nats" . -}}
{{- include "livecue.check-ingress" . -}}
{{- if not .Values.existingConfigSecret -}}
{{- include "livecue.check-secrets" . -}}
{{- include "livecue.check-calendars" . -}}
{{- include "livecue.check-config" . -}}
{{- end -}}
{{- end -}}

{{- define "livecue.check-replicas" -}}
{{- $most := include "livecue.most-replicas" . | int -}}
{{- $wanted := ternary (.Values.keda.maxReplicas | int) (.Values.replicas | int) .Values.keda.enabled -}}
{{- $named := ternary "keda.maxReplicas" "replicas" .Values.keda.enabled -}}
{{- if and (include "livecue.embedded" .) .Values.keda.enabled -}}
{{- fail "keda.enabled with config.nats.url embedded: the server's data are in one pod's volume, so one replica it is: turn keda off, or name a NATS cluster in config.nats.url" -}}
{{- end -}}
{{- if and (include "livecue.embedded" .) (gt $wanted 1) -}}
{{- fail (printf "%s is %d with config.nats.url embedded: the server's data are in one pod's volume, so one replica it is: for more, name a NATS cluster in config.nats.url" $named $wanted) -}}
{{- end -}}
{{- if gt $wanted $most -}}
{{- fail (printf "%s is %d: livecue shares its work between processes, but this chart was not tried with more than one pod: at most %d (docs/operations.md, Several replicas)" $named $wanted $most) -}}
{{- end -}}
{{- if and .Values.keda.enabled (gt (.Values.keda.minReplicas | int) (.Values.keda.maxReplicas | int)) -}}
{{- fail "keda.minReplicas is more than keda.maxReplicas" -}}
{{- end -}}
{{- if and .Values.keda.enabled (not .Values.keda.prometheus) -}}
{{- fail "keda.prometheus is missing: write the address of the Prometheus that scrapes livecue, such as http://prometheus.monitoring:9090" -}}
{{- end -}}
{{- end -}}

{{- define "livecue.check-nats" -}}
{{- $config := .Values.config -}}
{{- if contains "@" $config.nats.url -}}
{{- fail "config.nats.url carries a password or token, and a ConfigMap is read by many: leave it out of the address and write config.nats.user with password_file, token_file or creds_file" -}}
{{- end -}}
{{- if .Values.nats.enabled -}}
{{- if include "livecue.embedded" . -}}
{{- fail "nats.enabled with config.nats.url embedded: choose one, the official nats chart or the server inside livecue" -}}
{{- end -}}
{{- if eq .Subcharts.nats.Chart.Version "0.0.0" -}}
{{- fail "nats.enabled, but the official nats chart is not here yet: run `helm dependency build` on this chart, or install NATS beside it and name it in config.nats.url" -}}
{{- end -}}
{{- $host := .Values.nats.fullnameOverride | default "nats" -}}
{{- if not (regexMatch (printf "^(nats|tls)://%s([.:/]|$)" (regexQuoteMeta $host)) $config.nats.url) -}}
{{- fail (printf "nats.enabled, but config.nats.url is %s: the nats chart's Service is named %s (nats.fullnameOverride): write nats://%s:4222" $config.nats.url $host $host) -}}
{{- end -}}
{{- $cluster := ((.Values.nats.config | default dict).cluster) | default dict -}}
{{- $servers := ternary (int ($cluster.replicas | default 3)) 1 (eq (toString $cluster.enabled) "true") -}}
{{- if gt (int ($config.nats.replicas | default 1)) $servers -}}
{{- fail (printf "config.nats.replicas is %d, but nats.config.cluster gives %d: streams cannot have more replicas than there are servers" (int $config.nats.replicas) $servers) -}}
{{- end -}}
{{- end -}}
{{- if include "livecue.embedded" . -}}
{{- $units := dict "Mi" 1 "Gi" 1024 "Ti" 1048576 -}}
{{- $size := .Values.persistence.size -}}
{{- $mib := mul (regexFind "^[0-9]+" $size | int) (get $units (regexFind "[A-Z]i$" $size)) -}}
{{- $wanted := int ($config.nats.max_store_mb | default 4096) -}}
{{- if lt (int $mib) (add $wanted 256 | int) -}}
{{- fail (printf "persistence.size is %s: the embedded server may fill %d MiB (config.nats.max_store_mb), and 256 more are needed for the rest" $size $wanted) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "livecue.check-ingress" -}}
{{- if .Values.ingress.enabled -}}
{{- if not (or .Values.ingress.tlsSecretName .Values.ingress.tlsElsewhere) -}}
{{- fail "ingress.enabled without TLS: MetaStudio calls back by https alone: name the certificate's Secret in ingress.tlsSecretName, or set ingress.tlsElsewhere if TLS ends before the ingress" -}}
{{- end -}}
{{- $url := .Values.config.http.public_url | default "" -}}
{{- $public := urlParse $url -}}
{{- if and $url (not .Values.existingConfigSecret) (ne (regexReplaceAll ":[0-9]+$" $public.host "") .Values.ingress.host) -}}
{{- fail (printf "config.http.public_url is %s, but ingress.host is %s: MetaStudio would call back at a host that is not routed here" $url .Values.ingress.host) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "livecue.check-config" -}}
{{- $config := .Values.config -}}
{{- if and $config.data_dir (ne $config.data_dir "/var/lib/livecue") -}}
{{- fail (printf "config.data_dir is %s: the volume is at /var/lib/livecue, and the image sets that already: leave data_dir out" $config.data_dir) -}}
{{- end -}}
{{- $secret := ($config.http.callback_secret_file | default "") -}}
{{- range $config.rooms -}}
{{- $room := . -}}
{{- range .rules -}}
{{- if not (hasPrefix "/" .) -}}
{{- fail (printf "config.rooms: %s: rules has %s: paths are absolute here: /etc/livecue/rules/<pack> for those of the image, /etc/livecue/packs/<name> for those of `packs`" $room.key .) -}}
{{- end -}}
{{- if and (hasPrefix "/etc/livecue/packs/" .) (not (hasKey $.Values.packs (trimPrefix "/etc/livecue/packs/" . | trimSuffix "/"))) -}}
{{- fail (printf "config.rooms: %s: rules has %s, but `packs` holds no such pack" $room.key .) -}}
{{- end -}}
{{- end -}}
{{- if and (eq ((.callback | default dict).auth_type | default "") "NONE") (not $secret) (not (include "livecue.embedded" $)) -}}
{{- fail (printf "config.rooms: %s has callback.auth_type NONE: without config.http.callback_secret_file its URL changes with every pod, and a running live's callbacks would be refused: put a secret of 24 characters or more into a Secret that `secrets` names" .key) -}}
{{- end -}}
{{- end -}}
{{- end -}}
