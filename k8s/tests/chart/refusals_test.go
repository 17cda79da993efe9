package chart

import (
	"strings"
	"testing"

	"moneybank/k8s/tests/kit"
)

// Every value is right by itself, and wrong with the others. Each row has values, and the sentence that says what to change.
var contradictions = []refusal{
	{"tls.mode=secret", "tls.secretName: tls.mode is secret: name the Secret"},
	{"tls.mode=certManager", "tls.certManager.issuer: tls.mode is certManager: name the issuer"},
	{"tls.mode=certManager,tls.certManager.issuer=le,tls.certManager.letsEncrypt=staging", "tls.certManager.email: Let's Encrypt asks for an address"},
	{"tls.mode=certManager,tls.certManager.issuer=le,tls.certManager.issuerKind=Issuer,tls.certManager.letsEncrypt=staging,tls.certManager.email=a@b", "tls.certManager.issuerKind: the issuer"},
	{"environment=prod,ingress.enabled=true", "tls.mode: prod requires TLS"},
	{"ingress.enabled=true,gateway.enabled=true", "\ningress.enabled, gateway.enabled, route.enabled: only one of them may be true"},
	{"route.enabled=true,ingress.enabled=true", "\ningress.enabled, gateway.enabled, route.enabled: only one of them may be true"},
	{"environment=prod,ingress.enabled=true,tls.mode=selfSigned", "auth.mode: with header anyone who can reach the bank can move anybody's money, and prod can be reached from outside: set auth.mode=jwt"},
	{"environment=prod,gateway.enabled=true,gateway.className=a,tls.mode=selfSigned", "auth.mode: with header anyone"},
	{"environment=prod,route.enabled=true", "auth.mode: with header anyone"},
	{"auth.mode=jwt,auth.audience=bank", "auth.issuer: auth.mode is jwt: name the issuer"},
	{"auth.mode=jwt,auth.issuer=https://login.example.com", "auth.audience: auth.mode is jwt: name the `aud`"},
	{"environment=prod,auth.mode=jwt,auth.issuer=http://login.example.com,auth.audience=bank", "auth.issuer: prod must fetch keys over TLS"},
	{"environment=prod,auth.mode=jwt,auth.issuer=https://login.example.com,auth.audience=bank,auth.jwksUrl=http://k/keys", "auth.issuer: prod must fetch keys"},
	{"auth.jwksUrl=https://k/keys,auth.secret.secretName=mine", "auth.secret.secretName: auth.jwksUrl is set too"},
	{"auth.mode=jwt,auth.issuer=https://i,auth.audience=bank,auth.trustGateway=true", "auth.trustGateway: auth.mode is jwt, which trusts no gateway"},
	{"auth.trustGateway=true,networkPolicy.enabled=false", "auth.trustGateway: without the network policy anyone in the cluster can bypass the gateway"},
	{"auth.trustGateway=true,networkPolicy.ingressNamespaces={edge}", "auth.gatewayPods: only the gateway may call the bank: set the labels of its pods"},
	{"auth.trustGateway=true,auth.gatewayPods.app=edge,route.enabled=true", "auth.trustGateway: with route.enabled OpenShift's router calls the bank"},
	{"auth.trustGateway=true,auth.gatewayPods.app=edge,networkPolicy.ingressNamespaces=null,gateway.enabled=true,gateway.className=a,gateway.inNamespace=true",
		"auth.gatewayPods: with gateway.inNamespace the Gateway's own pods are trusted"},
	{"auth.trustGateway=true,auth.gatewayPods.app=edge,monitoring.blackboxExporter=blackbox.monitoring:9115", "allows only the gateway to call the bank, and not monitoring.blackboxExporter"},
	{"gateway.enabled=true", "gateway.className: name the class of the Gateway to make"},
	{"gateway.enabled=true,gateway.className=a,gateway.parent.name=b", "gateway.parent.name: a Gateway is made too"},
	{"gateway.enabled=true,gateway.parent.name=shared,gateway.parent.namespace=edge,gateway.inNamespace=true,tls.mode=certManager,tls.certManager.issuer=le",
		"tls.mode: the Gateway in the namespace edge reads its certificate there, but certManager makes one here: set tls.mode=secret"},
	{"gateway.enabled=true,gateway.parent.name=shared,gateway.parent.namespace=edge,gateway.inNamespace=true,tls.mode=selfSigned", "but selfSigned makes one here"},
	{"canary.enabled=true,canary.image.tag=2", "canary.enabled: weights need the Gateway API: set gateway.enabled=true"},
	{"canary.enabled=true,gateway.enabled=true,gateway.className=a", "canary.image: the canary is another version: set its tag or its digest"},
	{"canary.enabled=true,canary.image.tag=2,gateway.enabled=true,gateway.className=a,nameOverride=a234567890123456789012345678901234", "nameOverride: the canary's name is this name and -canary"},
	{byFlagger + ",canary.enabled=true,canary.image.tag=2", "canary.flagger.enabled: canary.enabled makes a canary too"},
	{byFlagger + ",gateway.enabled=false", "canary.flagger.enabled: weights need the Gateway API"},
	{byFlagger + ",executor.otlpEndpoint=", "canary.flagger.enabled: Flagger judges by the metrics that `bank` sends"},
	{byFlagger + ",runtime=spinkube", "canary.flagger.enabled: the operator owns a SpinApp's Deployment"},
	{byFlagger + ",tls.pods.enabled=true,tls.pods.secretName=a,tls.pods.caConfigMap=b", "canary.flagger.enabled: the certificates of the pods"},
	{"host=10.0.0.1", "host: must be a name such as bank.example.com, not an address"},
	{"redis.enabled=false,redis.external.secretName=mine,networkPolicy.redisCidrs={10.0.0.0/33}", "networkPolicy.redisCidrs: 10.0.0.0/33 is not a block of addresses"},
	{"networkPolicy.dns.cidrs={169.254.20.10}", "networkPolicy.dns.cidrs: 169.254.20.10 is not a block of addresses"},
	{"redis.enabled=false,redis.external.secretName=mine,networkPolicy.redisCidrs={1::2::3/64}", "networkPolicy.redisCidrs: 1::2::3/64 is not a block of addresses"},
	{"executor.otlpEndpoint=http://collector:4318,networkPolicy.monitoringNamespaces=null", "add the collector's namespace to networkPolicy.monitoringNamespaces"},
	{"executor.otlpEndpoint=http://collector.telemetry:4318", "executor.otlpEndpoint: the network policy allows no connection to the namespace telemetry"},
	{"executor.otlpEndpoint=http://collector.telemetry.svc.cluster.local:4318", "no connection to the namespace telemetry"},
	{"monitoring.blackboxExporter=blackbox.monitoring:9115,networkPolicy.monitoringNamespaces=null", "monitoring.blackboxExporter: the network policy allows it no connection"},
	{"test.controller=traefik.traefik", "test.controller: the network policy allows the test no connection to it"},
	{"mesh.kind=linkerd,ingress.enabled=true,networkPolicy.ingressNamespaces={traefik}", "mesh.callers: in a mesh only named callers may call the bank"},
	{"mesh.kind=istio,mesh.callers={traefik}", "mesh.callers: traefik: must be a namespace and a ServiceAccount in it"},
	{"mesh.kind=istio,route.enabled=true,mesh.callers={a/b}", "mesh.kind: OpenShift's router is not in the mesh"},
	{"mesh.kind=ambient,runtime=bank,tls.pods.enabled=true,tls.pods.secretName=mine", "mesh.kind: the proxies of a mesh cannot read TLS of the pods"},
	{"test.skipVerification=true,test.caSecret=mine", "test.skipVerification: it accepts any certificate"},
	{"autoscaling.enabled=true,autoscaling.minReplicas=11", "autoscaling.minReplicas: it is more than autoscaling.maxReplicas"},
	{"autoscaling.enabled=true,resources.requests.cpu=null", "resources.requests.cpu: the autoscaler's target is a percentage of it"},
	{"resources.requests.cpu=2,resources.limits.cpu=500m", "resources.requests.cpu: 2 is more than its limit, 500m"},
	{"redis.resources.requests.memory=1Gi", "redis.resources.requests.memory: 1Gi is more than its limit, 768Mi"},
	{"test.resources.requests.memory=65Mi", "test.resources.requests.memory: 65Mi is more than its limit, 64Mi"},
	{"quota.enabled=true,replicas=20", "quota.hard.pods: 20 is too little for 20 pods of the application, one more during a rollout, Redis and the pod of the test: set at least 23"},
	{"quota.enabled=true,replicas=18", "set at least 21"},
	{"quota.enabled=true,quota.hard.pods=0", "quota.hard.pods: 0 is too little for 1 pods"},
	{"quota.enabled=true,quota.hard.requests\\.cpu=0", "quota.hard.requests.cpu: 0 is too little"},
	{"quota.enabled=true,quota.hard.persistentvolumeclaims=0", "quota.hard.persistentvolumeclaims: 0 leaves none for Redis"},
	{"quota.enabled=true,quota.hard.limits\\.cpu=8", "quota.hard.limits.cpu: it refuses every pod without a CPU limit"},
	{"quota.enabled=true,autoscaling.enabled=true,resources.requests.cpu=400m", "quota.hard.requests.cpu: 4 is too little for 10 pods of the application, one more during a rollout, Redis and the pod of the test, which request 4.55"},
	{"quota.enabled=true,replicas=10,resources.requests.memory=450Mi", "quota.hard.requests.memory: 5Gi is too little for 10 pods of the application, one more during a rollout, Redis and the pod of the test, which request 5366Mi"},
	{"image.kind=artifact", "the shim writes /spin.json into the pod's root file system, which is read-only"},
	{"image.repository=https://ghcr.io/me/bank", "image.repository: https://ghcr.io/me/bank: without https://"},
	{"image.repository=ghcr.io/me/bank:1.2", "image.repository: ghcr.io/me/bank:1.2: set the tag in image.tag"},
	{"image.repository=ghcr.io/Me/bank", "image.repository: ghcr.io/Me/bank: must be in lower case: ghcr.io/me/bank"},
	{"podPolicy.enabled=false,tolerations[0].key=spin", "tolerations: a SpinApp cannot express them"},
	{"podPolicy.enabled=false,podPolicy.affinity.nodeAffinity.a=b", "podPolicy.affinity: only the pod policy adds it"},
	{"environment=prod,redis.password.source=none", "redis.password.source: prod requires a password"},
	{"environment=prod,redis.enabled=false,redis.external.url=redis://cache:6379", "redis.external.url: prod requires a password"},
	{"redis.password.source=existing", "redis.password.secretName: redis.password.source is existing: name the Secret"},
	{"redis.password.secretName=mine", "redis.password.secretName: the chart names the Secrets that it makes"},
	{"redis.password.source=externalSecret", "externalSecret.storeName: redis.password.source is externalSecret"},
	{"redis.password.source=externalSecret,externalSecret.storeName=vault", "externalSecret.remoteKey: redis.password.source is externalSecret"},
	{"redis.maxMemory=1gb", "redis.maxMemory (1gb) leaves too little of redis.resources.limits.memory (768Mi)"},
	{"redis.storage.size=200Mi", "redis.storage.size (200Mi) is too little for redis.maxMemory (256mb)"},
	{"redis.storage.size=1023Mi", "while it is rewritten: set at least 1024Mi"},
	{"redis.maxMemory=512mb,redis.storage.size=512Mi", "redis.storage.size (512Mi) is too little for redis.maxMemory (512mb)"},
	{"redis.external.url=redis://c", "they are for an external Redis, but redis.enabled is true, so the chart runs its own: set redis.enabled=false"},
	{"redis.external.secretName=mine", "set redis.enabled=false"},
	{"networkPolicy.redisCidrs={10.0.0.0/8}", "set redis.enabled=false"},
	{"redis.enabled=false,redis.external.url=redis://c:0", "redis.external.url: its port is 0: set one from 1 to 65535"},
	{"redis.enabled=false,redis.external.url=redis://:p@c:65536", "redis.external.url: its port is 65536: set one from 1 to 65535"},
	{"redis.enabled=false", "redis.external.url: redis.enabled is false: set the address of your Redis"},
	{"redis.enabled=false,redis.external.url=redis://c,redis.external.secretName=mine", "redis.external.secretName: redis.external.url is set too"},
	{"redis.enabled=false,redis.external.url=http://cache", "redis.external.url: an address is redis://:password@host:6379"},
	{"redis.enabled=false,redis.external.url=redis://c:6380,redis.external.port=6379", "redis.external.port: 6379 is not the port of redis.external.url, which is 6380"},
	{"runtime=bank,image.kind=artifact", "image.kind: an artifact of `spin registry push` is for SpinKube's shim"},
	{"runtime=bank,runtimeClass.create=true", "runtimeClass.create: runtime is bank, which needs no RuntimeClass"},
	{"runtime=bank,settings.store=kv", "settings.store: with runtime bank the key-value store is a file in the pod, and is lost with it"},
	{"redis.enabled=false,store.sqlite.enabled=true", "store.sqlite.enabled: only runtime bank can use a file: set runtime=bank"},
	{"runtime=bank,store.sqlite.enabled=true", "store.sqlite.enabled: redis.enabled is true, but the bank has only one store"},
	{onSQLite + ",redis.external.url=redis://c", "store.sqlite.enabled: redis.external is set"},
	{onSQLite + ",replicas=2", "store.sqlite.enabled: only one pod can use a file: set replicas=1"},
	{onSQLite + ",autoscaling.enabled=true", "store.sqlite.enabled: only one pod can use a file: set replicas=1"},
	{onSQLite + ",canary.enabled=true,canary.image.tag=2,gateway.enabled=true,gateway.className=a,gateway.inNamespace=true", "the canary would be another"},
	{onSQLite + ",quota.enabled=true,quota.hard.persistentvolumeclaims=0", "quota.hard.persistentvolumeclaims: 0 leaves none for SQLite"},
	{"tls.pods.enabled=true,tls.pods.issuer=inside", "tls.pods.enabled: the shim serves no TLS: set runtime=bank"},
	{"runtime=bank,tls.pods.enabled=true", "tls.pods.secretName: name the Secret with the certificate of the pods"},
	{"runtime=bank,tls.pods.enabled=true,tls.pods.issuer=inside,tls.pods.secretName=mine", "in tls.pods.issuer, but not both"},
	{"runtime=bank,tls.pods.enabled=true,tls.pods.issuer=inside,gateway.enabled=true,gateway.className=a,gateway.inNamespace=true", "tls.pods.caConfigMap: the Gateway must be able to verify the pods"},
	{"runtime=bank,tls.pods.enabled=true,tls.pods.issuer=inside,route.enabled=true", "tls.pods.enabled: the chart's Route terminates TLS at the router"},
	{"runtime=bank,redis.tls.caSecret=mine", "redis.tls.caSecret: the chart's own Redis has no certificate"},
	{"redis.tls.caSecret=mine", "redis.tls.caSecret: the chart's own Redis has no certificate"},
	{"redis.enabled=false,redis.external.url=rediss://c,redis.tls.caSecret=mine,executor.create=false", "set the Secret there, as caCertSecret"},
}

func TestWhatDoesNotGoTogetherIsRefusedInASentence(t *testing.T) {
	for _, row := range contradictions {
		row.isRefused(t)
	}
}

// Whatever is wrong with the address, it may hold a password.
func TestNoRefusalPrintsTheAddressOfRedis(t *testing.T) {
	for _, url := range []string{"http://:topsecret@cache", "redis://:topsecret#1@cache", "redis://:topsecret@cache:port", "redis://topsecret@cache"} {
		output, err := kit.Try(kit.Tool("helm"), "template", "bank", kit.Chart, "--set", "environment=prod,redis.enabled=false,redis.external.url="+url)
		if err == nil || strings.Contains(output, "topsecret") || !strings.Contains(output, "redis.external.url: ") {
			t.Errorf("%s: %v\n%s", url, err, output)
		}
	}
}

// Helm accepts release names that a Service does not, and some that YAML reads as numbers.
func TestAReleaseNameThatNoServiceTakesIsRefused(t *testing.T) {
	for _, name := range []string{"123", "null", "true", "2bank", "bank.v2"} {
		output, err := kit.Try(kit.Tool("helm"), "template", name, kit.Chart)
		if err == nil || kit.Missing(output, "nameOverride: \""+name+"\" cannot be the name of a Service") != nil {
			t.Errorf("%s: %v\n%s", name, err, output)
		}
	}
	// With nameOverride the application's name does not depend on the release's.
	objects := kit.Objects(t, kit.Run(t, kit.Tool("helm"), "template", "123", kit.Chart, "--set", "nameOverride=bank"))
	service := kit.Find(t, objects, "Service", "bank-redis")
	if instance := service.GetLabels()["app.kubernetes.io/instance"]; instance != "123" {
		t.Errorf("the label is %q", instance)
	}
	// The name is cut after 40 characters, whatever they are.
	long := "a" + strings.Repeat("b", 36) + "-----c"
	kit.Find(t, kit.Objects(t, kit.Run(t, kit.Tool("helm"), "template", long, kit.Chart)), "Service", "a"+strings.Repeat("b", 36)+"-redis")
}
