{{/* The agents: one for all nodes, and one for each override of the configuration, by the name or a label of nodes. */}}

{{/* Puts into a dict, as `agents`, what each one's templates are made with: the chart's own, with its configuration in
Values.conf.irqaffinity, and in `agent` which nodes are its own. Takes (list . dict). The last label of several that a
node has goes before, and the name of the node before all labels, so no node gets two. */}}
{{- define "irqaffinity.agents" -}}
{{- $root := index . 0 -}}
{{- $overrides := get ($root.Values.conf.overrides | default dict) "irqaffinity_agent" | default dict -}}
{{- $names := list -}}
{{- range $overrides.hosts }}{{ $names = append $names .name }}{{ end -}}
{{- $noHost := empty $names | ternary list (list (dict "key" "kubernetes.io/hostname" "operator" "NotIn" "values" $names)) -}}
{{- $noLabel := list -}}
{{- $agents := list -}}
{{- range reverse ($overrides.labels | default list) -}}
{{-   $nodes := concat (list (dict "key" .label.key "operator" "In" "values" .label.values)) $noLabel $noHost -}}
{{-   $title := printf "%s in %s" .label.key (join ", " .label.values) -}}
{{-   $agents = append $agents (dict "title" $title "word" .label.key "nodes" $nodes "conf" .conf) -}}
{{-   $noLabel = append $noLabel (dict "key" .label.key "operator" "NotIn" "values" .label.values) -}}
{{- end -}}
{{- range $overrides.hosts -}}
{{-   $nodes := list (dict "key" "kubernetes.io/hostname" "operator" "In" "values" (list .name)) -}}
{{-   $agents = append $agents (dict "title" (printf "host %s" .name) "word" .name "nodes" $nodes "conf" .conf) -}}
{{- end -}}
{{- $titles := list -}}
{{- range $agents }}{{ $titles = append $titles .title }}{{ end -}}
{{- if ne (len (uniq $titles)) (len $titles) -}}
{{-   fail (printf "conf.overrides.irqaffinity_agent names the same nodes twice: %s" (join "; " $titles)) -}}
{{- end -}}
{{- $all := dict "title" "" "nodes" (concat $noLabel $noHost) "conf" dict -}}
{{- $contexts := list -}}
{{- range prepend $agents $all -}}
{{-   $conf := dict -}}
{{-   include "irqaffinity.putOver" (list $conf $root.Values.conf.irqaffinity) -}}
{{-   include "irqaffinity.putOver" (list $conf (.conf.irqaffinity | default dict)) -}}
{{-   $values := dict -}}
{{-   range $name, $value := $root.Values }}{{ $_ := set $values $name $value }}{{ end -}}
{{-   $_ := set $values "conf" (dict "irqaffinity" $conf "logging" ($root.Values.conf.logging | default dict)) -}}
{{-   $context := dict "Values" $values "agent" . -}}
{{-   range $name := list "Chart" "Release" "Capabilities" "Template" }}{{ $_ := set $context $name (get $root $name) }}{{ end -}}
{{-   $contexts = append $contexts $context -}}
{{- end -}}
{{- $_ := set (index . 1) "agents" $contexts -}}
{{- end }}

{{/* The name of an agent's DaemonSet: a part of the node's name or label for people, a hash to tell it from all others.
*/}}
{{- define "irqaffinity.agentName" -}}
{{- $name := include "irqaffinity.fullname" . -}}
{{- if and .agent .agent.title -}}
{{-   $word := regexReplaceAll "[^a-z0-9]+" (.agent.word | lower) "-" | trunc 16 | trimAll "-" -}}
{{-   $name = printf "%s-%s-%s" ($name | trunc 34 | trimSuffix "-") $word (.agent.title | sha256sum | trunc 8) -}}
{{- end -}}
{{- $name -}}
{{- end }}

{{- define "irqaffinity.agentSecret" -}}
{{- include "irqaffinity.agentName" . }}-etc
{{- end }}
