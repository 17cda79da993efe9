{{/*
Values that contradict each other, each with a message that says what to change. The schema checks types and forms. No message contains
an address of Redis, because that may contain a password.
*/}}
{{- define "bank.refusals" -}}
{{- range list "formIsAnother" "valuesContradict" "runtimeContradicts" "nameIsNone" "callerIsNone" "imageIsNone" "redisUrlIsNone" "cidrIsNone" "requestsExceedLimits" "redisOutgrows"
  "quotaIsTooSmall" "runtimeWouldChange" "secretWouldGo" "redisWouldBeAnother" "claimWouldChange" "namedObjectWouldGo" "redisWouldGo" "fileWouldGo" }}
{{- with include (printf "bank.refusal.%s" .) $ | trim }}{{ fail (printf "\n%s" .) }}{{ end }}
{{- end }}
{{- end }}

{{/* Values with a form: each with its pattern, and a description of the form. */}}
{{- define "bank.refusal.formIsAnother" -}}
{{- range $value, $form := dict
  "host" (list .Values.host `^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$` "a name in lower case, such as bank.example.com, without scheme and port")
  "image.tag" (list (kindIs "float64" .Values.image.tag | ternary "" .Values.image.tag) `^([A-Za-z0-9_][A-Za-z0-9._-]{0,127})?$` "letters, digits, dots, dashes and underscores, at most 128")
  "image.digest" (list .Values.image.digest `^(sha256:[0-9a-f]{64})?$` "sha256: and 64 hexadecimal digits")
  "canary.image.tag" (list (kindIs "float64" .Values.canary.image.tag | ternary "" .Values.canary.image.tag) `^([A-Za-z0-9_][A-Za-z0-9._-]{0,127})?$` "letters, digits, dots, dashes and underscores, at most 128")
  "canary.image.digest" (list .Values.canary.image.digest `^(sha256:[0-9a-f]{64})?$` "sha256: and 64 hexadecimal digits")
  "auth.issuer" (list .Values.auth.issuer `^(https?://[^/?#@ ]+(/[^?# ]*)?)?$` "the issuer's address, as its tokens have it, such as https://login.example.com/realms/bank")
  "auth.jwksUrl" (list .Values.auth.jwksUrl `^(https?://[^/?#@ ]+(/[^# ]*)?)?$` "the address of a JSON Web Key Set, such as https://login.example.com/jwks")
  "settings.coingeckoOrigin" (list .Values.settings.coingeckoOrigin `^https?://[^/]+$` "scheme and host, such as https://api.coingecko.com, without a path")
  "settings.coingeckoApiKeyHeader" (list .Values.settings.coingeckoApiKeyHeader `^[A-Za-z0-9!#$%&'*+.^_\x60|~-]+$` "the name of a header, such as x-cg-pro-api-key")
  "settings.corsOrigins" (list .Values.settings.corsOrigins `^( *https?://[^/ ]+)*$` "origins such as https://a.example, separated by spaces, without paths")
  "executor.otlpEndpoint" (list .Values.executor.otlpEndpoint `^(https?://[^/:]+:[0-9]+)?$` "scheme, host and port, such as http://collector.monitoring:4318, without a path")
  "podPolicy.spreadOver" (list .Values.podPolicy.spreadOver `^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$` "the name of a node's label, such as topology.kubernetes.io/zone")
  "monitoring.blackboxExporter" (list .Values.monitoring.blackboxExporter `^([A-Za-z0-9.-]+:[0-9]+)?$` "host and port, such as blackbox.monitoring:9115, without scheme and path")
  "monitoring.collector.tracesEndpoint" (list .Values.monitoring.collector.tracesEndpoint `^(https?://[^/:]+:[0-9]+)?$` "scheme, host and port, such as http://tempo.monitoring:4318, without a path")
  "monitoring.collector.logsEndpoint" (list .Values.monitoring.collector.logsEndpoint `^(https?://[^/:]+:[0-9]+)?$` "scheme, host and port, such as http://loki.monitoring:4318, without a path")
  "redis.maxMemory" (list .Values.redis.maxMemory `^[1-9][0-9]*(mb|gb)$` "a number and mb or gb, such as 256mb")
  "store.sqlite.size" (list .Values.store.sqlite.size `^[1-9][0-9]*(Mi|Gi|Ti)$` "a number and Mi, Gi or Ti, such as 10Gi")
  "redis.storage.size" (list .Values.redis.storage.size `^[1-9][0-9]*(Mi|Gi|Ti)$` "a number and Mi, Gi or Ti, such as 10Gi")
}}
{{- if not (regexMatch (index $form 1) (index $form 0 | default "" | toString)) }}
{{ $value }}: must be {{ index $form 2 }}
{{- end }}
{{- end }}
{{- end }}

{{/* Callers are templates, so the schema cannot check their form. */}}
{{- define "bank.refusal.callerIsNone" -}}
{{- range .Values.mesh.callers }}
{{- $caller := tpl . $ }}
{{- if not (regexMatch `^[a-z0-9]([-a-z0-9]*[a-z0-9])?/[a-z0-9]([-a-z0-9.]*[a-z0-9])?$` $caller) }}
mesh.callers: {{ $caller }}: must be a namespace and a ServiceAccount in it, such as traefik/traefik
{{- end }}
{{- end }}
{{- end }}

{{/* Values that contradict each other. */}}
{{- define "bank.refusal.valuesContradict" -}}
{{- $prod := eq .Values.environment "prod" }}
{{- $spinkube := eq .Values.runtime "spinkube" }}
{{- $way := or .Values.ingress.enabled .Values.gateway.enabled }}
{{- $auth := .Values.auth }}
{{- $header := eq $auth.mode "header" }}
{{- $network := .Values.networkPolicy }}
{{- $password := .Values.redis.password }}
{{- $external := .Values.redis.external }}
{{- $cert := .Values.tls.certManager }}
{{- $controllers := or $network.ingressNamespaces .Values.gateway.inNamespace .Values.route.enabled }}
{{- $collector := include "bank.namespaceOfHost" (.Values.executor.otlpEndpoint | default "") }}
{{- $gateway := include "bank.gatewayNamespace" . }}
{{- $watchers := list }}
{{- range $network.monitoringNamespaces }}{{ $watchers = append $watchers (kindIs "string" . | ternary . "") }}{{ end }}
{{- range $sentence, $wrong := dict
  "backup.s3.existingSecret: name a Secret with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, by which exports may be written to the bucket"
    (and .Values.backup.enabled .Values.backup.s3.bucket (not .Values.backup.s3.existingSecret))
  "tls.mode: prod requires TLS: set selfSigned, secret or certManager"
    (and $prod $way (eq .Values.tls.mode "none"))
  "auth.mode: with header anyone who can reach the bank can move anybody's money, and prod can be reached from outside: set auth.mode=jwt, with auth.issuer and auth.audience; or auth.trustGateway=true, if a gateway in front signs users in, sets their header, and removes such headers of clients"
    (and $prod (or $way .Values.route.enabled) $header (not $auth.trustGateway))
  "auth.issuer: auth.mode is jwt: name the issuer, such as https://login.example.com"
    (not (or $header $auth.issuer))
  "auth.audience: auth.mode is jwt: name the `aud` of the tokens that are meant for the bank"
    (not (or $header $auth.audience))
  "auth.issuer: prod must fetch keys over TLS: set an address https://…"
    (and $prod (not $header) (or (hasPrefix "http:" $auth.issuer) (hasPrefix "http:" $auth.jwksUrl)))
  "auth.secret.secretName: auth.jwksUrl is set too: leave one of them empty"
    (and $auth.jwksUrl $auth.secret.secretName)
  "auth.trustGateway: auth.mode is jwt, which trusts no gateway: set it to false"
    (and $auth.trustGateway (not $header))
  "auth.trustGateway: without the network policy anyone in the cluster can bypass the gateway: set networkPolicy.enabled=true"
    (and $auth.trustGateway (not $network.enabled))
  "auth.gatewayPods: only the gateway may call the bank: set the labels of its pods in networkPolicy.ingressNamespaces"
    (and $auth.trustGateway $network.enabled $network.ingressNamespaces (not $auth.gatewayPods))
  "auth.trustGateway: with route.enabled OpenShift's router calls the bank, and the router does not identify users: set it to false, and make a Route to the gateway"
    (and $auth.trustGateway .Values.route.enabled)
  "auth.gatewayPods: with gateway.inNamespace the Gateway's own pods are trusted, and these are others: leave it empty"
    (and $auth.trustGateway .Values.gateway.inNamespace $auth.gatewayPods)
  "auth.trustGateway: the network policy allows only the gateway to call the bank, and not monitoring.blackboxExporter: add a rule to networkPolicy.extraIngress, or leave monitoring.blackboxExporter empty"
    (and $auth.trustGateway .Values.monitoring.blackboxExporter (not $network.extraIngress))
  "tls.secretName: tls.mode is secret: name the Secret with tls.crt and tls.key"
    (and (eq .Values.tls.mode "secret") (not .Values.tls.secretName))
  "tls.certManager.issuer: tls.mode is certManager: name the issuer"
    (and (eq .Values.tls.mode "certManager") (not $cert.issuer))
  "tls.certManager.email: Let's Encrypt asks for an address such as bank@example.com"
    (and $cert.letsEncrypt (not (regexMatch "^[^@ ]+@[^@ ]+$" ($cert.email | default ""))))
  "tls.certManager.issuerKind: the issuer that tls.certManager.letsEncrypt makes is a ClusterIssuer"
    (and $cert.letsEncrypt (ne $cert.issuerKind "ClusterIssuer"))
  "ingress.enabled, gateway.enabled, route.enabled: only one of them may be true"
    (or (and .Values.ingress.enabled .Values.gateway.enabled) (and .Values.route.enabled $way))
  "gateway.className: name the class of the Gateway to make, or one that is there already in gateway.parent.name"
    (and .Values.gateway.enabled (not .Values.gateway.className) (not .Values.gateway.parent.name))
  "gateway.parent.name: a Gateway is made too, of gateway.className: leave one of them empty"
    (and .Values.gateway.enabled .Values.gateway.className .Values.gateway.parent.name)
  (printf "tls.mode: the Gateway in the namespace %s reads its certificate there, but %s makes one here: set tls.mode=secret, and tls.secretName to the Secret of that Gateway's listener" $gateway .Values.tls.mode)
    (and .Values.gateway.enabled .Values.gateway.parent.name (ne $gateway .Release.Namespace) (has .Values.tls.mode (list "certManager" "selfSigned")))
  "host: must be a name such as bank.example.com, not an address, which an Ingress and a certificate do not accept here"
    (regexMatch "^[0-9.]+$" .Values.host)
  "networkPolicy.ingressNamespaces: set the namespace of your ingress controller: nothing else may call the bank.\n  --values k8s/chart/controllers/<yours>.yaml                 the usual namespace, and everything else that the controller needs\n  --set 'networkPolicy.ingressNamespaces={my-ingress}'        another namespace"
    (and $network.enabled $way (not $network.ingressNamespaces) (not .Values.gateway.inNamespace))
  "executor.otlpEndpoint: the network policy allows no connection to it: add the collector's namespace to networkPolicy.monitoringNamespaces, or a rule to networkPolicy.extraEgress"
    (and $network.enabled .Values.executor.otlpEndpoint (not $network.monitoringNamespaces) (not $network.extraEgress))
  (printf "executor.otlpEndpoint: the network policy allows no connection to the namespace %s: add it to networkPolicy.monitoringNamespaces, or a rule to networkPolicy.extraEgress" $collector)
    (and $network.enabled $collector $watchers (not (has $collector $watchers)) (not (has "" $watchers)) (not $network.extraEgress))
  "monitoring.collector.namespace: the Collector reads files of the node, which the bank's own namespace must not allow: set another one"
    (and .Values.monitoring.collector.enabled (eq .Values.monitoring.collector.namespace .Release.Namespace))
  (printf "settings.logLevel: with %s requests are not logged, so the Collector cannot count them for rules and dashboards: set info or debug" .Values.settings.logLevel)
    (and (has .Values.settings.logLevel (list "error" "warn")) (or .Values.monitoring.collector.enabled .Values.monitoring.rules.enabled .Values.monitoring.dashboards.enabled))
  "monitoring.blackboxExporter: the network policy allows it no connection: add its namespace to networkPolicy.monitoringNamespaces, or a rule to networkPolicy.extraIngress"
    (and $network.enabled .Values.monitoring.blackboxExporter (not $watchers) (not $network.extraIngress))
  "canary.enabled: weights need the Gateway API: set gateway.enabled=true"
    (and .Values.canary.enabled (not .Values.gateway.enabled))
  "canary.image: the canary is another version: set its tag or its digest"
    (and .Values.canary.enabled (not .Values.canary.image.tag) (not .Values.canary.image.digest))
  "nameOverride: the canary's name is this name and -canary: set at most 33 characters"
    (and .Values.canary.enabled (gt (len (include "bank.name" .)) 33))
  "canary.flagger.enabled: canary.enabled makes a canary too: set one of them to false"
    (and .Values.canary.enabled .Values.canary.flagger.enabled)
  "canary.flagger.enabled: weights need the Gateway API: set gateway.enabled=true"
    (and .Values.canary.flagger.enabled (not .Values.gateway.enabled))
  "canary.flagger.enabled: Flagger judges by the metrics that `bank` sends: set executor.otlpEndpoint"
    (and .Values.canary.flagger.enabled (not .Values.executor.otlpEndpoint))
  "test.controller: the network policy allows the test no connection to it: add the controller's namespace to networkPolicy.ingressNamespaces, or leave test.controller empty"
    (and $network.enabled .Values.test.controller (not $controllers))
  "mesh.callers: in a mesh only named callers may call the bank: add the gateway in front of it, as NAMESPACE/SERVICEACCOUNT, such as traefik/traefik"
    (and .Values.mesh.kind $way (not .Values.mesh.callers))
  "mesh.kind: OpenShift's router is not in the mesh: set route.enabled=false, and make a Route to a gateway that is"
    (and .Values.mesh.kind .Values.route.enabled)
  "mesh.kind: the proxies of a mesh cannot read TLS of the pods, and have TLS of their own: set tls.pods.enabled=false"
    (and .Values.mesh.kind .Values.tls.pods.enabled)
  "test.skipVerification: it accepts any certificate, so test.caSecret has no effect: leave one of them out"
    (and .Values.test.skipVerification .Values.test.caSecret)
  "autoscaling.minReplicas: it is more than autoscaling.maxReplicas"
    (and .Values.autoscaling.enabled (gt (int .Values.autoscaling.minReplicas) (int .Values.autoscaling.maxReplicas)))
  "resources.requests.cpu: the autoscaler's target is a percentage of it: set it, or autoscaling.enabled=false"
    (and .Values.autoscaling.enabled (not .Values.resources.requests.cpu))
  "image.kind: an artifact of `spin registry push` does not run under the pod policy: the shim writes /spin.json into the pod's root file system, which is read-only. Push the plain image (k8s/images/app.Dockerfile), or set podPolicy.enabled=false"
    (and (eq .Values.image.kind "artifact") .Values.podPolicy.enabled $spinkube)
  "tolerations: a SpinApp cannot express them, so without the pod policy they would not reach the application: set podPolicy.enabled=true"
    (and .Values.tolerations (not .Values.podPolicy.enabled) $spinkube)
  "podPolicy.affinity: only the pod policy adds it: set podPolicy.enabled=true"
    (and .Values.podPolicy.affinity (not .Values.podPolicy.enabled) $spinkube)
  "redis.password.source: prod requires a password: set generated, existing or externalSecret"
    (and $prod .Values.redis.enabled (eq $password.source "none"))
  "redis.password.secretName: redis.password.source is existing: name the Secret with `password`"
    (and .Values.redis.enabled (eq $password.source "existing") (not $password.secretName))
  "redis.password.secretName: the chart names the Secrets that it makes: to use your own, set redis.password.source=existing"
    (and $password.secretName (has $password.source (list "generated" "none")))
  "externalSecret.storeName: redis.password.source is externalSecret: name the store"
    (and .Values.redis.enabled (eq $password.source "externalSecret") (not .Values.externalSecret.storeName))
  "externalSecret.remoteKey: redis.password.source is externalSecret: name the entry that holds the password"
    (and .Values.redis.enabled (eq $password.source "externalSecret") (not .Values.externalSecret.remoteKey))
  "redis.external.url: redis.enabled is false: set the address of your Redis, here or in a Secret (redis.external.secretName)"
    (not (or .Values.redis.enabled $external.url $external.secretName .Values.store.sqlite.enabled))
  "redis.external, networkPolicy.redisCidrs: they are for an external Redis, but redis.enabled is true, so the chart runs its own: set redis.enabled=false, or leave them empty"
    (and .Values.redis.enabled (or $external.url $external.secretName $external.port $network.redisCidrs))
  "redis.external.secretName: redis.external.url is set too: leave one of them empty"
    (and $external.url $external.secretName)
  "redis.tls.caSecret: the executor has the certificates, and executor.create is false: set the Secret there, as caCertSecret"
    (and .Values.redis.tls.caSecret (not .Values.executor.create) $spinkube)
  "redis.tls.caSecret: the chart's own Redis has no certificate: this is for a Redis of your own (redis.enabled=false)"
    (and .Values.redis.tls.caSecret (or .Values.executor.create (not $spinkube)) .Values.redis.enabled)
}}
{{- if $wrong }}
{{ $sentence }}
{{- end }}
{{- end }}
{{- end }}

{{/* Settings that only one runtime has, and settings that SQLite does not have. */}}
{{- define "bank.refusal.runtimeContradicts" -}}
{{- $native := eq .Values.runtime "bank" }}
{{- $sqlite := .Values.store.sqlite.enabled }}
{{- $pods := .Values.tls.pods }}
{{- range $sentence, $wrong := dict
  "image.kind: an artifact of `spin registry push` is for SpinKube's shim, and runtime is bank: push bank's image (k8s/images/bank.Dockerfile), and set image.kind=plain"
    (and $native (eq .Values.image.kind "artifact"))
  "runtimeClass.create: runtime is bank, which needs no RuntimeClass: set it to false"
    (and $native .Values.runtimeClass.create)
  "settings.store: with runtime bank the key-value store is a file in the pod, and is lost with it: set settings.store=redis; or store.sqlite.enabled=true, for one pod"
    (and $native (not $sqlite) (eq .Values.settings.store "kv"))
  "tls.pods.enabled: the shim serves no TLS: set runtime=bank"
    (and $pods.enabled (not $native))
  "tls.pods.secretName: name the Secret with the certificate of the pods, or set cert-manager's issuer of it in tls.pods.issuer, but not both"
    (and $pods.enabled (or (and $pods.secretName $pods.issuer) (not (or $pods.secretName $pods.issuer))))
  "tls.pods.caConfigMap: the Gateway must be able to verify the pods: name a ConfigMap with the ca.crt of the authority that issued their certificate"
    (and $pods.enabled .Values.gateway.enabled (not $pods.caConfigMap))
  "tls.pods.enabled: the chart's Route terminates TLS at the router: set it to false, or set route.enabled=false and make your own Route (extraObjects) to the Service, with `reencrypt`"
    (and $pods.enabled .Values.route.enabled)
  "store.sqlite.enabled: only runtime bank can use a file: set runtime=bank"
    (and $sqlite (not $native))
  "store.sqlite.enabled: redis.enabled is true, but the bank has only one store: set one of them to false"
    (and $sqlite .Values.redis.enabled)
  "store.sqlite.enabled: redis.external is set, but the bank has only one store: leave one of them out"
    (and $sqlite (or .Values.redis.external.url .Values.redis.external.secretName))
  "store.sqlite.enabled: only one pod can use a file: set replicas=1 and autoscaling.enabled=false, or use Redis"
    (and $sqlite (or .Values.autoscaling.enabled (gt (int .Values.replicas) 1)))
  "store.sqlite.enabled: only one pod can use a file, and the canary would be another: set canary.enabled=false, or use Redis"
    (and $sqlite (or .Values.canary.enabled .Values.canary.flagger.enabled))
  "canary.flagger.enabled: the operator owns a SpinApp's Deployment, but Flagger has to own it: set runtime=bank, or use k8s/canary"
    (and .Values.canary.flagger.enabled (not $native))
  "canary.flagger.enabled: the certificates of the pods are for other Services than Flagger makes: set tls.pods.enabled=false"
    (and .Values.canary.flagger.enabled $pods.enabled)
}}
{{- if $wrong }}
{{ $sentence }}
{{- end }}
{{- end }}
{{- end }}

{{/*
Both runtimes have a Deployment and a Service of the same name, owned by the operator or by Helm. Neither can take them over from the
other. A new installation of the release finds its claim again.
*/}}
{{- define "bank.refusal.runtimeWouldChange" -}}
{{- if .Release.IsUpgrade }}
{{- $name := include "bank.name" . }}
{{- $there := dict }}
{{- if eq .Values.runtime "spinkube" }}{{ $there = lookup "apps/v1" "Deployment" .Release.Namespace $name }}
{{- else if .Capabilities.APIVersions.Has "core.spinkube.dev/v1alpha1/SpinApp" }}{{ $there = lookup "core.spinkube.dev/v1alpha1" "SpinApp" .Release.Namespace $name }}
{{- end }}
{{- if eq (dig "metadata" "annotations" "meta.helm.sh/release-name" "" ($there | default dict)) .Release.Name }}
runtime: this release was installed with the other one, and neither can take over from the other. The money stays in its claim or its Redis:
  helm -n {{ .Release.Namespace }} uninstall {{ .Release.Name }}
and the same helm command again, with --install.
{{- end }}
{{- end }}
{{- end }}

{{/* The name is also the name of Services: it begins with a letter and has no dots. YAML reads some words as other types. */}}
{{- define "bank.refusal.nameIsNone" -}}
{{- $name := include "bank.name" . }}
{{- if or (not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" $name)) (has $name (list "null" "true" "false" "yes" "no" "on" "off" "y" "n")) }}
{{- printf "nameOverride: %q cannot be the name of a Service, which is a letter, then letters, digits and dashes, and no word of YAML. Choose another name for the release, or set nameOverride" $name }}
{{- end }}
{{- end }}

{{- define "bank.refusal.imageIsNone" -}}
{{- range $value, $image := dict "image" .Values.image "canary.image" .Values.canary.image }}
{{- with $image }}
{{- if contains "://" .repository }}
{{ $value }}.repository: {{ .repository }}: without {{ regexFind "^[^:]*://" .repository }}
{{- else if regexMatch "(@|:[^/]*$)" .repository }}
{{ $value }}.repository: {{ .repository }}: set the tag in {{ $value }}.tag, and the digest in {{ $value }}.digest
{{- else if regexMatch "[A-Z]" .repository }}
{{ $value }}.repository: {{ .repository }}: must be in lower case: {{ lower .repository }}
{{- else if kindIs "float64" .tag }}
{{ $value }}.tag: write it in quotes, or use --set-string: YAML read it as the number {{ int64 .tag }}, and would read 0123456 as 42798
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "bank.refusal.redisUrlIsNone" -}}
{{- with .Values.redis.external }}
{{- if .url }}
{{- $port := include "bank.redisPort" $ }}
{{- if not (regexMatch `^rediss?://([^/?#]*@)?(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?(/[0-9]*)?(\?.*)?$` .url) }}
redis.external.url: an address is redis://:password@host:6379, or rediss:// for TLS; in the password, characters other than letters and digits are percent-encoded
{{- else if or (lt (int $port) 1) (gt (int $port) 65535) }}
redis.external.url: its port is {{ $port }}: set one from 1 to 65535
{{- else if and (eq $.Values.environment "prod") (not (regexMatch "^rediss?://[^/@]*:[^/@]+@" .url)) }}
redis.external.url: prod requires a password: redis://:password@host:6379
{{- else if and .port (ne (int .port | toString) $port) }}
redis.external.port: {{ int .port }} is not the port of redis.external.url, which is {{ $port }}: set it to 0 to use the port of the address
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "bank.refusal.cidrIsNone" -}}
{{- $four := `^((25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(\.|/)){4}(3[0-2]|[12]?[0-9])$` }}
{{- $six := `^(([0-9a-fA-F]{1,4}:){7}[0-9a-fA-F]{1,4}|(([0-9a-fA-F]{1,4}:){0,6}[0-9a-fA-F]{1,4})?::(([0-9a-fA-F]{1,4}:){0,6}[0-9a-fA-F]{1,4})?)/(12[0-8]|1[01][0-9]|[1-9]?[0-9])$` }}
{{- range $name, $cidrs := dict "redisCidrs" .Values.networkPolicy.redisCidrs "dns.cidrs" .Values.networkPolicy.dns.cidrs }}
{{- range $cidrs }}
{{- if not (or (regexMatch $four .) (regexMatch $six .)) }}
networkPolicy.{{ $name }}: {{ . }} is not a block of addresses such as 10.20.0.0/16 or fd00::/8
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "bank.refusal.requestsExceedLimits" -}}
{{- range $of, $resources := dict "resources" .Values.resources "redis.resources" .Values.redis.resources "test.resources" .Values.test.resources }}
{{- range $name, $request := $resources.requests }}
{{- $limit := get $resources.limits $name }}
{{- if and $limit (gt (include "bank.number" $request | float64) (include "bank.number" $limit | float64)) }}
{{ $of }}.requests.{{ $name }}: {{ $request }} is more than its limit, {{ $limit }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "bank.refusal.redisOutgrows" -}}
{{- with .Values.redis }}
{{- $data := include "bank.number" .maxMemory | float64 }}
{{- $limit := get .resources.limits "memory" }}
{{- if not .enabled }}
{{- else if and $limit (gt (mulf $data 1.25) (include "bank.number" $limit | float64)) }}
redis.maxMemory ({{ .maxMemory }}) leaves too little of redis.resources.limits.memory ({{ $limit }}): Redis needs a quarter more than its data, and the kernel kills it at the limit
{{- else if gt (addf (mulf $data 3) 268435456) (include "bank.number" .storage.size | float64) }}
redis.storage.size ({{ .storage.size }}) is too little for redis.maxMemory ({{ .maxMemory }}): Redis exits when its disk is full, and its append-only file takes up to three times its data while it is rewritten: set at least {{ divf (addf (mulf $data 3) 268435456) 1048576 | printf "%.0f" }}Mi
{{- end }}
{{- end }}
{{- end }}

{{/* The quota must allow all pods that can exist at the same time: a rollout adds one pod, and `helm test` another. */}}
{{- define "bank.refusal.quotaIsTooSmall" -}}
{{- if .Values.quota.enabled }}
{{- $hard := .Values.quota.hard }}
{{- $pods := .Values.autoscaling.enabled | ternary .Values.autoscaling.maxReplicas .Values.replicas | int }}
{{- if .Values.canary.enabled }}{{ $pods = add $pods .Values.canary.replicas | int }}{{ end }}
{{- $redis := .Values.redis.enabled | ternary (list .Values.redis.resources) list }}
{{- $claims := or .Values.redis.enabled .Values.store.sqlite.enabled }}
{{- $others := append $redis .Values.test.resources }}
{{- $all := printf "%d pods of the application, one more during a rollout,%s and the pod of the test" $pods (.Values.redis.enabled | ternary " Redis" "") }}
{{- range $key := list "requests.cpu" "cpu" "requests.memory" "memory" }}
{{- $what := trimPrefix "requests." $key }}
{{- $wanted := mulf (add1 $pods) (include "bank.number" (get $.Values.resources.requests $what | default 0) | float64) }}
{{- range $others }}{{ $wanted = addf $wanted (include "bank.number" (get .requests $what | default 0) | float64) }}{{ end }}
{{- if and (hasKey $hard $key) (gt (printf "%.3f" $wanted | float64) (include "bank.number" (get $hard $key) | float64)) }}
quota.hard.{{ $key }}: {{ get $hard $key }} is too little for {{ $all }}, which request {{ eq $what "cpu" | ternary (regexReplaceAll `\.?0+$` (printf "%.3f" $wanted) "") (printf "%.0fMi" (divf $wanted 1048576)) }}
{{- end }}
{{- end }}
{{- $least := add $pods 1 (len $others) }}
{{- if and (hasKey $hard "pods") (gt (float64 $least) (include "bank.number" $hard.pods | float64)) }}
quota.hard.pods: {{ $hard.pods }} is too little for {{ $all }}: set at least {{ $least }}
{{- end }}
{{- if and $claims (hasKey $hard "persistentvolumeclaims") (lt (include "bank.number" $hard.persistentvolumeclaims | float64) 1.0) }}
quota.hard.persistentvolumeclaims: {{ $hard.persistentvolumeclaims }} leaves none for {{ .Values.redis.enabled | ternary "Redis" "SQLite" }}: set at least 1
{{- end }}
{{- $unlimited := not (and .Values.limitRange.enabled (hasKey .Values.limitRange.default "cpu")) }}
{{- range append $others .Values.resources }}
{{- if and (hasKey $hard "limits.cpu") $unlimited (not (hasKey .limits "cpu")) }}
{{- $unlimited = false }}
quota.hard.limits.cpu: it refuses every pod without a CPU limit, and the chart sets none: leave it out, or set limits.cpu in resources, redis.resources and test.resources
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* A Secret of the chart that others are to make from now on. Helm would delete it, because the chart no longer renders it. */}}
{{- define "bank.refusal.secretWouldGo" -}}
{{- $named := dict }}
{{- if has .Values.tls.mode (list "secret" "certManager") }}{{ $_ := set $named (include "bank.tlsSecret" .) "tls.secretName" }}{{ end }}
{{- if not .Values.redis.enabled }}{{ $_ := set $named .Values.redis.external.secretName "redis.external.secretName" }}
{{- else if has .Values.redis.password.source (list "existing" "externalSecret") }}{{ $_ := set $named (include "bank.redisSecret" .) "redis.password.secretName" }}{{ end }}
{{- range $secret, $value := omit $named "" }}
{{- $annotations := dig "metadata" "annotations" dict (lookup "v1" "Secret" $.Release.Namespace $secret) }}
{{- if and (eq (get $annotations "meta.helm.sh/release-name") $.Release.Name) (ne (get $annotations "helm.sh/resource-policy") "keep") }}
{{ $value }}: the Secret {{ $secret }} is the chart's own, and Helm would delete it now. To keep it:
  kubectl -n {{ $.Release.Namespace }} annotate secret {{ $secret }} helm.sh/resource-policy=keep
and the same helm command again.
{{- end }}
{{- end }}
{{- end }}

{{/* Under another name an empty Redis would start, and the money would seem lost. */}}
{{- define "bank.refusal.redisWouldBeAnother" -}}
{{- if and .Release.IsUpgrade .Values.redis.enabled }}
{{- $name := include "bank.redisName" . }}
{{- range dig "items" list (lookup "apps/v1" "StatefulSet" .Release.Namespace "") }}
{{- $labels := .metadata.labels | default dict }}
{{- if and (eq (get $labels "app.kubernetes.io/instance") $.Release.Name) (eq (get $labels "app.kubernetes.io/part-of") "money-bank") (ne .metadata.name $name) }}
nameOverride: the Redis of this release is {{ .metadata.name }}, and {{ $name }} would be another, without the money: set nameOverride={{ trimSuffix "-redis" .metadata.name }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* A StatefulSet cannot change its claims, and the API server's message about that does not help. */}}
{{- define "bank.refusal.claimWouldChange" -}}
{{- $name := include "bank.redisName" . }}
{{- $storage := .Values.redis.storage }}
{{- range dig "spec" "volumeClaimTemplates" list (.Values.redis.enabled | ternary (lookup "apps/v1" "StatefulSet" .Release.Namespace $name) dict) }}
{{- $claimed := .spec.resources.requests.storage }}
{{- $class := .spec.storageClassName | default "" }}
{{- if ne $class ($storage.className | default "") }}
redis.storage.className: the claim of Redis was made with {{ $class | quote }}, and no claim can change its class: set it to that again
{{- else if ne (include "bank.number" $claimed) (include "bank.number" $storage.size) }}
redis.storage.size: the claim of Redis was made with {{ $claimed }}, and a StatefulSet cannot change that. To have {{ $storage.size }}:
  kubectl -n {{ $.Release.Namespace }} patch pvc data-{{ $name }}-0 -p '{"spec":{"resources":{"requests":{"storage":"{{ $storage.size }}"}}}}'
  kubectl -n {{ $.Release.Namespace }} delete statefulset {{ $name }} --cascade=orphan   # Redis continues to run
and the same helm command again. A claim can only grow, and only where its storage class allows it.
{{- end }}
{{- end }}
{{- end }}

{{/*
An object of the chart that is still used when the chart no longer makes it. Cluster-wide objects are looked up only with the pod
policy: users who may make that policy may read them. Others may not, and their upgrades must not fail because of that.
*/}}
{{- define "bank.refusal.namedObjectWouldGo" -}}
{{- $cert := .Values.tls.certManager }}
{{- $wide := and .Release.IsUpgrade .Values.podPolicy.enabled }}
{{- range $named := list
  (dict "made" "executor.create" "api" "core.spinkube.dev/v1alpha1" "kind" "SpinAppExecutor" "namespace" .Release.Namespace "name" .Values.executor.name
    "asked" (and .Release.IsUpgrade (not .Values.executor.create)))
  (dict "made" "runtimeClass.create" "api" "node.k8s.io/v1" "kind" "RuntimeClass" "namespace" "" "name" .Values.executor.runtimeClassName
    "asked" (and $wide (not .Values.runtimeClass.create)))
  (dict "made" "tls.certManager.letsEncrypt" "api" "cert-manager.io/v1" "kind" "ClusterIssuer" "namespace" "" "name" $cert.issuer
    "asked" (and $wide (eq .Values.tls.mode "certManager") (eq $cert.issuerKind "ClusterIssuer") (not $cert.letsEncrypt)))
}}
{{- if and .asked ($.Capabilities.APIVersions.Has (printf "%s/%s" .api .kind)) }}
{{- $annotations := dig "metadata" "annotations" dict (lookup .api .kind .namespace .name) | default dict }}
{{- if and (eq (get $annotations "meta.helm.sh/release-name") $.Release.Name) (eq (get $annotations "meta.helm.sh/release-namespace") $.Release.Namespace)
  (ne (get $annotations "helm.sh/resource-policy") "keep") }}
{{ .made }}: the {{ .kind }} {{ .name }} is the chart's own and still named, and Helm would delete it now. To keep it:
  kubectl {{ with .namespace }}-n {{ . }} {{ end }}annotate {{ lower .kind }} {{ .name }} helm.sh/resource-policy=keep
and the same helm command again.
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Helm would delete the Redis that holds the money, and the application would continue with another Redis. */}}
{{- define "bank.refusal.redisWouldGo" -}}
{{- if and .Release.IsUpgrade (not .Values.redis.enabled) }}
{{- $name := include "bank.redisName" . }}
{{- if eq (dig "metadata" "annotations" "meta.helm.sh/release-name" "" (lookup "apps/v1" "StatefulSet" .Release.Namespace $name)) .Release.Name }}
redis.enabled: {{ $name }} holds the money, and the external Redis only what was copied to it. Once nobody writes and all is copied:
  kubectl -n {{ .Release.Namespace }} delete statefulset {{ $name }}   # its claim data-{{ $name }}-0 stays
and the same helm command again.
{{- end }}
{{- end }}
{{- end }}

{{/* The same for SQLite's file: its claim would stay, but the application would not use it. */}}
{{- define "bank.refusal.fileWouldGo" -}}
{{- if and .Release.IsUpgrade (not .Values.store.sqlite.enabled) }}
{{- $name := include "bank.claimName" . }}
{{- if eq (dig "metadata" "annotations" "meta.helm.sh/release-name" "" (lookup "v1" "PersistentVolumeClaim" .Release.Namespace $name)) .Release.Name }}
store.sqlite.enabled: the claim {{ $name }} holds the money, and Redis only what was copied to it. Once nobody writes and all is copied:
  kubectl -n {{ .Release.Namespace }} annotate pvc {{ $name }} meta.helm.sh/release-name-   # the claim stays
and the same helm command again.
{{- end }}
{{- end }}
{{- end }}
