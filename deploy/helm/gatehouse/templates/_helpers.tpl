{{- define "gatehouse.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 63 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 63 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "gatehouse.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "gatehouse.labels" -}}
{{ include "gatehouse.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{/* Every secret that the broker reads from a file: the variable and its reference. */}}
{{- define "gatehouse.files" -}}
{{- $files := dict "GATEHOUSE_ENCRYPTION_KEY_FILE" .Values.secrets.encryptionKey }}
{{- if .Values.secrets.previousEncryptionKeys.name }}{{ $_ := set $files "GATEHOUSE_PREVIOUS_ENCRYPTION_KEYS_FILE" .Values.secrets.previousEncryptionKeys }}{{ end }}
{{- if not .Values.persistence.enabled }}
{{- $_ := set $files "GATEHOUSE_DATABASE_DSN_FILE" .Values.secrets.postgresDSN }}
{{- $_ := set $files "GATEHOUSE_REDIS_URL_FILE" .Values.secrets.redisURL }}
{{- end }}
{{- toJson (mergeOverwrite $files .Values.secrets.files) }}
{{- end }}

{{/* Below which path the broker lives: its issuer's. */}}
{{- define "gatehouse.path" -}}
{{- (urlParse .Values.config.issuer).path | default "" }}
{{- end }}
