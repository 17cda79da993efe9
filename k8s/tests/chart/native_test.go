package chart

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"moneybank/k8s/tests/kit"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// The objects that `runtime: bank` makes, for clusters without SpinKube.

const (
	onBank   = "runtime=bank"
	onSQLite = "runtime=bank,redis.enabled=false,store.sqlite.enabled=true"
)

func deployment(t *testing.T, name string, arguments ...string) appsv1.Deployment {
	t.Helper()
	return kit.Into[appsv1.Deployment](t, kit.Find(t, kit.Rendered(t, arguments...), "Deployment", name))
}

func TestARuntimeMakesItsOwnObjectsAndNoneOfTheOthers(t *testing.T) {
	own := map[string][]string{
		"spinkube": {"MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding", "SpinApp", "SpinAppExecutor"},
		"bank":     {"Deployment", "Service"},
	}
	for runtime, kinds := range own {
		made := map[string]bool{}
		for _, object := range kit.Rendered(t, "--set", "runtime="+runtime) {
			if component := object.GetLabels()["app.kubernetes.io/component"]; component != "redis" && component != "network" {
				made[object.GetKind()] = true
			}
		}
		for _, both := range []string{"ServiceAccount", "PodDisruptionBudget", "Pod"} {
			if !made[both] {
				t.Errorf("%s: no %s", runtime, both)
			}
			delete(made, both)
		}
		if got := slices.Sorted(maps.Keys(made)); !slices.Equal(got, kinds) {
			t.Errorf("%s makes %v", runtime, got)
		}
	}
}

func TestBothRuntimesGiveTheApplicationTheSameVariables(t *testing.T) {
	arguments := []string{"--values", kit.Values("prod"), "--set", "coingeckoApiKey.secretName=coingecko,auth.secret.secretName=key,settings.ratesTtlSeconds=7"}
	wanted := map[string]corev1.EnvVar{}
	for name, value := range variables(t, arguments...) {
		wanted["SPIN_VARIABLE_"+strings.ToUpper(name)] = corev1.EnvVar{Value: value}
	}
	pod := deployment(t, "bank", append(arguments, "--set", onBank)...).Spec.Template.Spec
	given := map[string]corev1.EnvVar{}
	for _, variable := range pod.Containers[0].Env {
		given[variable.Name] = variable
		if (variable.Value == "") == (variable.ValueFrom == nil) {
			t.Errorf("%s has neither a value nor a Secret, or both", variable.Name)
		}
	}
	for name := range wanted {
		if given[name].Value != wanted[name].Value {
			t.Errorf("%s is %q, and by SpinKube %q", name, given[name].Value, wanted[name].Value)
		}
	}
	if len(wanted) == 0 || len(given) != len(wanted) {
		t.Errorf("%d variables, and by SpinKube %d", len(given), len(wanted))
	}
	for name, secret := range map[string]string{"REDIS_URL": "bank-redis/url", "COINGECKO_API_KEY": "coingecko/api-key", "JWT_SECRET": "key/jwt-secret"} {
		from := given["SPIN_VARIABLE_"+name].ValueFrom
		if from == nil || from.SecretKeyRef.Name+"/"+from.SecretKeyRef.Key != secret {
			t.Errorf("%s is of %v", name, from)
		}
	}
}

func TestAPodOfBankTellsTheCollectorWhichOneItIs(t *testing.T) {
	bank := deployment(t, "bank", "--set", onBank+",executor.otlpEndpoint=http://collector.monitoring:4318")
	told := map[string]string{}
	for _, variable := range bank.Spec.Template.Spec.Containers[0].Env {
		told[variable.Name] = variable.Value
		if variable.Name == "POD" {
			told["POD"] = variable.ValueFrom.FieldRef.FieldPath
		}
	}
	for name, want := range map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector.monitoring:4318",
		"OTEL_SERVICE_NAME":           "bank",
		"POD":                         "metadata.name",
		"OTEL_RESOURCE_ATTRIBUTES":    "service.instance.id=$(POD),k8s.pod.name=$(POD),k8s.namespace.name=" + bank.Namespace,
	} {
		if told[name] != want {
			t.Errorf("%s is %q, not %q", name, told[name], want)
		}
	}
}

func TestAPodOfBankHasItselfWhatThePodPolicyAddsToOthers(t *testing.T) {
	pod := deployment(t, "bank", "--values", kit.Values("prod"), "--set", onBank+",podPolicy.drainSeconds=20,podPolicy.spreadOver=rack,tolerations[0].key=gpu",
		"--set-json", `podPolicy.affinity={"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms":[{"matchExpressions":[{"key":"a","operator":"Exists"}]}]}}}`).Spec.Template.Spec
	container := pod.Containers[0]
	for what, holds := range map[string]bool{
		"runs as a user":                      *pod.SecurityContext.RunAsNonRoot && *pod.SecurityContext.RunAsUser == 65532,
		"has seccomp":                         pod.SecurityContext.SeccompProfile.Type == "RuntimeDefault",
		"gains nothing":                       !*container.SecurityContext.AllowPrivilegeEscalation,
		"has no capabilities":                 container.SecurityContext.Capabilities.Drop[0] == "ALL" && len(container.SecurityContext.Capabilities.Add) == 0,
		"writes nowhere":                      *container.SecurityContext.ReadOnlyRootFilesystem && len(container.VolumeMounts) == 0,
		"is spread over racks and nodes":      len(pod.TopologySpreadConstraints) == 2 && pod.TopologySpreadConstraints[0].TopologyKey == "rack",
		"has the affinity":                    pod.Affinity.NodeAffinity != nil,
		"has the tolerations":                 pod.Tolerations[0].Key == "gpu",
		"holds no token":                      !*pod.AutomountServiceAccountToken,
		"drains":                              slices.Contains(container.Args, "--drain-seconds=20"),
		"has the time for that, and 30 s for": *pod.TerminationGracePeriodSeconds > 20+30,
		"is started by a probe of the store":  container.StartupProbe.HTTPGet.Path == "/readyz",
		"is ready without the store":          container.ReadinessProbe.HTTPGet.Path == "/healthz",
		"lives without the store":             container.LivenessProbe.HTTPGet.Path == "/healthz",
	} {
		if !holds {
			t.Errorf("not so: the pod %s", what)
		}
	}
}

// OpenShift's `restricted-v2` assigns users to a namespace, and refuses others.
func TestOnOpenShiftNoPodHasAFixedUser(t *testing.T) {
	for _, values := range []string{onBank, onSQLite} {
		for _, object := range kit.Rendered(t, "--set", values+",openshift=true") {
			var pod corev1.PodSpec
			switch object.GetKind() {
			case "Deployment":
				pod = kit.Into[appsv1.Deployment](t, object).Spec.Template.Spec
			case "StatefulSet":
				pod = kit.Into[appsv1.StatefulSet](t, object).Spec.Template.Spec
			case "Pod":
				pod = kit.Into[corev1.Pod](t, object).Spec
			default:
				continue
			}
			security := pod.SecurityContext
			if security.RunAsUser != nil || security.RunAsGroup != nil || security.FSGroup != nil || !*security.RunAsNonRoot {
				t.Errorf("%s: %s: %+v", values, object.GetKind(), security)
			}
		}
	}
}

// A NetworkPolicy names the port on which pods listen, not the Service's.
func TestOfBankTheServiceLeadsToThePortThatThePolicyOpens(t *testing.T) {
	objects := kit.Rendered(t, "--values", kit.Values("prod"), "--set", onBank)
	service := kit.Into[corev1.Service](t, kit.Find(t, objects, "Service", "bank"))
	app := kit.Into[appsv1.Deployment](t, kit.Find(t, objects, "Deployment", "bank"))
	port := app.Spec.Template.Spec.Containers[0].Ports[0]
	if service.Spec.Ports[0].TargetPort.String() != port.Name || service.Spec.Ports[0].Port != 80 {
		t.Errorf("the Service leads to %v, the port is %v", service.Spec.Ports, port)
	}
	for label, value := range service.Spec.Selector {
		if app.Spec.Template.Labels[label] != value {
			t.Errorf("the Service asks for %s=%s", label, value)
		}
	}
	for _, rule := range policies(t, "--values", kit.Values("prod"), "--set", onBank)["bank"].Ingress {
		if open := rule.Ports[0].Port.IntVal; open != port.ContainerPort {
			t.Errorf("the policy opens %d, the port is %d", open, port.ContainerPort)
		}
	}
}

func TestACanaryOfBankIsAnotherDeploymentWithAServiceOfItsOwn(t *testing.T) {
	objects := kit.Rendered(t, "--set", onBank+",gateway.enabled=true,gateway.className=a,canary.enabled=true,canary.image.tag=2,image.tag=1")
	for name, image := range map[string]string{"bank": "ghcr.io/money-bank/money-bank-bank:1", "bank-canary": "ghcr.io/money-bank/money-bank-bank:2"} {
		app := kit.Into[appsv1.Deployment](t, kit.Find(t, objects, "Deployment", name))
		if got := app.Spec.Template.Spec.Containers[0].Image; got != image {
			t.Errorf("%s runs %s", name, got)
		}
	}
	rules, _, _ := unstructured.NestedSlice(kit.Find(t, objects, "HTTPRoute", "bank").Object, "spec", "rules")
	if len(rules) == 0 {
		t.Error("no rules")
	}
	for _, rule := range rules {
		backends, _, _ := unstructured.NestedSlice(rule.(map[string]any), "backendRefs")
		for _, backend := range backends {
			name := backend.(map[string]any)["name"].(string)
			service := kit.Into[corev1.Service](t, kit.Find(t, objects, "Service", name))
			if service.Spec.Selector["money-bank/app-name"] != name {
				t.Errorf("%s leads to %v", name, service.Spec.Selector)
			}
		}
	}
}

func TestSQLiteIsOnePodWithAClaimThatStays(t *testing.T) {
	objects := kit.Rendered(t, "--set", onSQLite+",store.sqlite.size=5Gi,store.sqlite.className=fast")
	claim := kit.Into[corev1.PersistentVolumeClaim](t, kit.Find(t, objects, "PersistentVolumeClaim", "bank-data"))
	if claim.Annotations["helm.sh/resource-policy"] != "keep" || claim.Spec.Resources.Requests.Storage().String() != "5Gi" || *claim.Spec.StorageClassName != "fast" {
		t.Errorf("%+v", claim)
	}
	app := kit.Into[appsv1.Deployment](t, kit.Find(t, objects, "Deployment", "bank"))
	pod := app.Spec.Template.Spec
	if *app.Spec.Replicas != 1 || app.Spec.Strategy.Type != "Recreate" {
		t.Errorf("%d pods, %s", *app.Spec.Replicas, app.Spec.Strategy.Type)
	}
	container := pod.Containers[0]
	if pod.Volumes[0].PersistentVolumeClaim.ClaimName != "bank-data" || container.VolumeMounts[0].MountPath != "/data" || !slices.Contains(container.Args, "--state-dir=/data") {
		t.Errorf("%+v %+v %v", pod.Volumes, container.VolumeMounts, container.Args)
	}
	if !slices.Contains(container.Env, corev1.EnvVar{Name: "SPIN_VARIABLE_STORE", Value: "kv"}) {
		t.Errorf("%+v", container.Env)
	}
	for _, object := range objects {
		if strings.Contains(object.GetName(), "redis") {
			t.Errorf("there is a %s %s", object.GetKind(), object.GetName())
		}
	}
	if got := ports(t, "--set", onSQLite); !slices.Equal(got, []int{53, 443}) {
		t.Errorf("it may call %v", got)
	}
}

func TestACertificateOfYourRedisReachesBank(t *testing.T) {
	pod := deployment(t, "bank", "--set", onBank+",redis.enabled=false,redis.external.url=rediss://:p@cache,redis.tls.caSecret=mine").Spec.Template.Spec
	if pod.Volumes[0].Secret.SecretName != "mine" {
		t.Errorf("%+v", pod.Volumes)
	}
	file := pod.Containers[0].VolumeMounts[0].MountPath + "/" + pod.Volumes[0].Secret.Items[0].Path
	if !slices.Contains(pod.Containers[0].Env, corev1.EnvVar{Name: "SSL_CERT_FILE", Value: file}) {
		t.Errorf("%s: %+v", file, pod.Containers[0].Env)
	}
}

const withTLS = onBank + ",canary.enabled=true,canary.image.tag=2,gateway.enabled=true,gateway.className=a,tls.pods.enabled=true,tls.pods.caConfigMap=inside,"

// The ingress controller, the probes and the tests all speak HTTPS to the pods, and the pods have no other port.
func TestWithTLSOfThePodsNobodySpeaksHTTPToThem(t *testing.T) {
	objects := kit.Rendered(t, "--set", withTLS+"tls.pods.secretName=mine,monitoring.blackboxExporter=blackbox.monitoring:9115")
	for _, name := range []string{"bank", "bank-canary"} {
		pod := kit.Into[appsv1.Deployment](t, kit.Find(t, objects, "Deployment", name)).Spec.Template.Spec
		container := pod.Containers[0]
		if container.Ports[0].Name != "https" || len(container.Ports) != 1 || pod.Volumes[0].Secret.SecretName != "mine" {
			t.Errorf("%s: %+v %+v", name, container.Ports, pod.Volumes)
		}
		for _, file := range []string{"--tls-cert=/etc/tls/tls.crt", "--tls-key=/etc/tls/tls.key"} {
			if !slices.Contains(container.Args, file) || container.VolumeMounts[0].MountPath != "/etc/tls" {
				t.Errorf("%s: %v", name, container.Args)
			}
		}
		for _, probe := range []*corev1.Probe{container.StartupProbe, container.ReadinessProbe, container.LivenessProbe} {
			if probe.HTTPGet.Scheme != corev1.URISchemeHTTPS || probe.HTTPGet.Port.String() != "https" {
				t.Errorf("%s: %+v", name, probe.HTTPGet)
			}
		}
		service := kit.Into[corev1.Service](t, kit.Find(t, objects, "Service", name)).Spec.Ports
		if len(service) != 1 || service[0].Port != 443 || service[0].TargetPort.String() != "https" || *service[0].AppProtocol != "https" {
			t.Errorf("%s: %+v", name, service)
		}
		policy := kit.Find(t, objects, "BackendTLSPolicy", name)
		if host, _, _ := unstructured.NestedString(policy.Object, "spec", "validation", "hostname"); host != name+".money-bank.svc" {
			t.Errorf("the Gateway asks for the certificate of %s", host)
		}
	}
	test := kit.Into[corev1.Pod](t, kit.Find(t, objects, "Pod", "bank-test")).Spec.Containers[0]
	if !slices.Contains(test.Env, corev1.EnvVar{Name: "BANK_URL", Value: "https://bank.money-bank.svc"}) || test.VolumeMounts[0].MountPath != "/pods-tls" {
		t.Errorf("helm test: %+v %+v", test.Env, test.VolumeMounts)
	}
	for _, object := range objects {
		text, _ := object.MarshalJSON()
		if strings.Contains(string(text), "http://bank") || object.GetKind() == "HTTPRoute" && strings.Contains(string(text), `"port":80`) {
			t.Errorf("%s %s: %s", object.GetKind(), object.GetName(), text)
		}
	}
}

func TestACertificateOfThePodsIsForTheNamesThatTheGatewayAsksFor(t *testing.T) {
	certificate := kit.Find(t, kit.Rendered(t, "--set", withTLS+"tls.pods.issuer=inside"), "Certificate", "bank-pods")
	names, _, _ := unstructured.NestedStringSlice(certificate.Object, "spec", "dnsNames")
	secret, _, _ := unstructured.NestedString(certificate.Object, "spec", "secretName")
	if !slices.Equal(names, []string{"bank.money-bank.svc", "bank-canary.money-bank.svc"}) || secret != "bank-pods-tls" {
		t.Errorf("%v %s", names, secret)
	}
}
