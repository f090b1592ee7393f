{{/* Every key of `value`, one a line, with [] for a place in a list: rooms[].callback.key */}}
{{- define "livecue.paths" -}}
{{- $at := .at -}}
{{- if kindIs "map" .value -}}
{{- range $key, $below := .value -}}
{{- $path := ternary $key (printf "%s.%s" $at $key) (empty $at) -}}
{{ printf "%s\n" $path }}
{{- include "livecue.paths" (dict "at" $path "value" $below) -}}
{{- end -}}
{{- else if kindIs "slice" .value -}}
{{- range .value -}}
{{- include "livecue.paths" (dict "at" (printf "%s[]" $at) "value" .) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "livecue.check-secrets" -}}
{{- $secrets := .Files.Lines "files/secret-keys.txt" | compact -}}
{{- range include "livecue.paths" (dict "at" "" "value" .Values.config) | splitList "\n" -}}
{{- if has . $secrets -}}
{{- fail (printf "config.%s is a secret, and a ConfigMap is read by many: put it into a Secret that `secrets` names, and write %s_file: /etc/livecue/secrets/<key>" . (splitList "." . | last)) -}}
{{- end -}}
{{- end -}}
{{- range .Values.env -}}
{{- $path := .name | lower | trimPrefix "livecue_" | replace "__" "." -}}
{{- range $secrets -}}
{{- if or (eq $path .) (hasPrefix (printf "%s." $path) .) (hasPrefix (printf "%s[" $path) .) -}}
{{- fail (printf "env.LIVECUE_%s would hold a secret, and everybody who may read the pod reads it: put it into a Secret that `secrets` names, and its path into the configuration" ($path | replace "." "__" | upper)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Calendars' addresses: a query or a user in them is as good as a key. */}}
{{- define "livecue.check-calendar" -}}
{{- $url := .ics | default "" -}}
{{- if and (contains "://" $url) (or (contains "?" $url) (contains "@" $url)) -}}
{{- fail (printf "%s.ics carries a key in its address, and a ConfigMap is read by many: put the address into a Secret that `secrets` names, and write ics_file: /etc/livecue/secrets/<key>" .at) -}}
{{- end -}}
{{- end -}}

{{- define "livecue.check-calendars" -}}
{{- range .Values.config.rooms -}}
{{- $room := . -}}
{{- range .sessions -}}
{{- include "livecue.check-calendar" (dict "ics" .ics "at" (printf "config.rooms: %s.sessions: %s" $room.key .name)) -}}
{{- end -}}
{{- end -}}
{{- range $name, $days := (.Values.config.plan | default dict).holidays -}}
{{- if kindIs "map" $days -}}
{{- include "livecue.check-calendar" (dict "ics" $days.ics "at" (printf "config.plan.holidays.%s" $name)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
