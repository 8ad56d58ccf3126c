{{/* One probe. Takes (list . who kind): kind is startup, liveness or readiness. Over HTTP with metrics on. Without, an
agent is asked for the age of a file that it renews every ten seconds at least, which takes a program of a millisecond,
and a relay not at all. */}}
{{- define "irqaffinity.probe" -}}
{{- $who := index . 1 -}}
{{- $kind := index . 2 -}}
{{- $asksReady := eq $kind "readiness" -}}
{{- with index . 0 -}}
{{- $wanted := get (get (get .Values.pod.probes $who) $who) $kind -}}
{{- $hasMetrics := .Values.conf.irqaffinity.metrics.enabled -}}
{{- if and $wanted.enabled (or $hasMetrics (eq $who "irqaffinity")) -}}
{{- $probe := dict -}}
{{- if $hasMetrics -}}
{{-   $request := dict "path" ($asksReady | ternary "/readyz" "/healthz") "port" "metrics" -}}
{{-   $probe = dict "httpGet" $request "periodSeconds" 10 "timeoutSeconds" 5 "failureThreshold" 6 -}}
{{- else -}}
{{-   $file := $asksReady | ternary "ready" "alive" | printf "/run/irqaffinity/status.json.%s" -}}
{{-   $command := list "find" $file "-mmin" "+0.5" "-exec" "false" "{}" "+" -}}
{{-   $seconds := dict "startup" 10 "liveness" 60 "readiness" 30 -}}
{{-   $failures := dict "startup" 9 "liveness" 2 "readiness" 3 -}}
{{-   $probe = dict "exec" (dict "command" $command) "periodSeconds" (get $seconds $kind) "timeoutSeconds" 15 "failureThreshold" (get $failures $kind) -}}
{{- end -}}
{{- if eq $kind "startup" }}{{ $_ := set $probe "initialDelaySeconds" 5 }}{{ end -}}
{{- range $name, $value := $wanted.params }}{{ $_ := set $probe $name $value }}{{ end -}}
{{- if and $probe.exec (lt (int $probe.periodSeconds) 10) -}}
{{-   fail (printf "pod.probes.irqaffinity.irqaffinity.%s.params.periodSeconds is %v: without metrics each probe starts a program, so ask every 10 seconds at most, or set conf.irqaffinity.metrics.enabled" $kind $probe.periodSeconds) -}}
{{- end -}}
{{ $kind }}Probe:
  {{- toYaml $probe | nindent 2 }}
{{- end -}}
{{- end -}}
{{- end }}
