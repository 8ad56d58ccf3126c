{{/* One probe. Takes (list . kind path): kind is startup, liveness or readiness, path what HTTP asks for.
Over HTTP it costs nothing. Else a Python starts for each question, so there are few. */}}
{{- define "irqaffinity.probe" -}}
{{- $kind := index . 1 -}}
{{- $path := index . 2 -}}
{{- with index . 0 -}}
{{- $wanted := get .Values.pod.probes.irqaffinity.irqaffinity $kind -}}
{{- if $wanted.enabled -}}
{{- $probe := dict -}}
{{- if .Values.conf.irqaffinity.metrics.enabled -}}
{{-   $probe = dict "httpGet" (dict "path" $path "port" "metrics") "periodSeconds" 10 "timeoutSeconds" 5 "failureThreshold" 6 -}}
{{- else -}}
{{-   $command := list "irqaffinity" "check" "--health" -}}
{{-   $probe = dict "exec" (dict "command" $command) "periodSeconds" 30 "timeoutSeconds" 15 "failureThreshold" 3 -}}
{{- end -}}
{{- if eq $kind "startup" }}{{ $_ := set $probe "initialDelaySeconds" 5 }}{{ end -}}
{{- range $name, $value := $wanted.params }}{{ $_ := set $probe $name $value }}{{ end -}}
{{- if and $probe.exec (lt (int $probe.periodSeconds) 30) -}}
{{-   fail (printf "pod.probes.irqaffinity.irqaffinity.%s.params.periodSeconds is %v: without metrics each probe starts a program, so ask every 30 seconds at most, or set conf.irqaffinity.metrics.enabled" $kind $probe.periodSeconds) -}}
{{- end -}}
{{ $kind }}Probe:
  {{- toYaml $probe | nindent 2 }}
{{- end -}}
{{- end -}}
{{- end }}
