{{/* The file irqaffinity.conf. */}}

{{/* What is written for one option, without its name. A value of several lines goes on in indented ones. */}}
{{- define "irqaffinity.value" -}}
{{- if kindIs "string" . -}}
{{ . | trim | replace "\n" "\n  " }}
{{- else if kindIs "slice" . -}}
{{- $items := list -}}
{{- range . }}{{ $items = append $items (include "irqaffinity.value" .) }}{{ end -}}
{{ join "," $items }}
{{- else -}}
{{ toJson . | replace "$" "$$" }}
{{- end -}}
{{- end }}

{{/* All lines of one option. Takes (list name value). */}}
{{- define "irqaffinity.option" -}}
{{- $name := index . 0 -}}
{{- $value := index . 1 -}}
{{- $lines := list $value -}}
{{- if kindIs "map" $value -}}
{{-   if and (hasKey $value "type") (hasKey $value "values") -}}
{{-     $lines = eq $value.type "multistring" | ternary $value.values (list $value.values) -}}
{{-   else if eq $name "flavor_masks" -}}
{{-     $masks := list -}}
{{-     range $flavor, $mask := $value }}{{ $masks = append $masks (printf "%s:\"%s\"" $flavor $mask) }}{{ end -}}
{{-     $lines = list (join "," $masks) -}}
{{-   end -}}
{{- else if and (kindIs "slice" $value) (eq $name "device_spec") -}}
{{-   $lines = $value -}}
{{- end -}}
{{- range $lines }}
{{ $name }} = {{ include "irqaffinity.value" . }}
{{- end -}}
{{- end }}

{{/* What other values say of the configuration, as JSON by group and option. */}}
{{- define "irqaffinity.filledIn" -}}
{{- $filled := dict "libvirt" (dict "uri" (printf "qemu+unix:///system?socket=%s/%s" .Values.host.libvirt.path .Values.host.libvirt.socket)) -}}
{{- with include "irqaffinity.transportUrl" . }}{{ $_ := set $filled "DEFAULT" (dict "transport_url" .) }}{{ end -}}
{{- if .Values.tls.oslo_messaging -}}
{{-   $tls := dict "ssl" true "ssl_ca_file" "/etc/rabbitmq/certs/ca.crt" -}}
{{-   if .Values.tls.client_certificate -}}
{{-     $_ := set $tls "ssl_cert_file" "/etc/rabbitmq/certs/tls.crt" -}}
{{-     $_ := set $tls "ssl_key_file" "/etc/rabbitmq/certs/tls.key" -}}
{{-   end -}}
{{-   $_ := set $filled "oslo_messaging_rabbit" $tls -}}
{{- end -}}
{{- $filled | toJson -}}
{{- end }}

{{- define "irqaffinity.conf" -}}
{{- $conf := include "irqaffinity.filledIn" . | fromJson -}}
{{- range $group, $options := .Values.conf.irqaffinity -}}
{{-   $all := get $conf $group | default dict -}}
{{-   range $name, $value := $options }}{{ $_ := set $all $name $value }}{{ end -}}
{{-   $_ := set $conf $group $all -}}
{{- end -}}
# Made by the chart {{ .Chart.Name }}: change its values, and not this.
{{- range $group, $options := $conf }}

[{{ $group }}]
{{- range $name, $value := $options }}
{{- if not (kindIs "invalid" $value) }}
{{- include "irqaffinity.option" (list $name $value) }}
{{- end }}
{{- end }}
{{- end }}
{{ end }}
