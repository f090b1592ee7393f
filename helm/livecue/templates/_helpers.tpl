{{/* How many replicas a release may have. livecue shares its work between processes by leases
     (docs/decisions/0014-leases.md), but this chart was not tried with more than one pod. To let more in,
     this number is all there is to change. */}}
{{- define "livecue.most-replicas" -}}1{{- end -}}

{{/* What stopping may take: preStop 5 s, then the daemon's own budget (docs/operations.md), then some. */}}
{{- define "livecue.pre-stop-seconds" -}}5{{- end -}}
{{- define "livecue.grace-seconds" -}}45{{- end -}}

{{- define "livecue.name" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "livecue.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "livecue.labels" -}}
{{ include "livecue.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "livecue.image" -}}
{{- $image := .Values.image -}}
{{- if $image.digest -}}
{{ $image.repository }}@{{ $image.digest }}
{{- else -}}
{{ $image.repository }}:{{ $image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{- define "livecue.embedded" -}}
{{- if eq .Values.config.nats.url "embedded" -}}true{{- end -}}
{{- end -}}

{{/* The labels by which Prometheus knows this release's series. */}}
{{- define "livecue.series" -}}
namespace="{{ .Release.Namespace }}", job="{{ include "livecue.name" . }}"
{{- end -}}

{{/* The configuration without what the daemon takes while it runs (keys and tokens of callbacks and
     events): a change of the rest rolls the pod. */}}
{{- define "livecue.rolling-config" -}}
{{- $config := deepCopy .Values.config -}}
{{- range $config.rooms -}}
{{- $callback := .callback | default dict -}}
{{- $_ := unset (unset (unset $callback "keys") "key_file") "previous_key_file" -}}
{{- $ingest := .ingest | default dict -}}
{{- $_ := unset (unset $ingest "tokens_sha256") "tokens_sha256_file" -}}
{{- end -}}
{{- toYaml $config -}}
{{- end -}}
