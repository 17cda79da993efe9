package cluster

import (
	"os"
	"os/exec"
	"slices"
	"strings"

	"moneybank/k8s/tests/kit"
)

// The settings of a deployment: an image, and a URL.
const (
	image = "IMAGE=registry/bank"
	https = "URL=https://bank.example.com"
	front = "HELM=--set networkPolicy.ingressNamespaces={ingress} "
)

// script runs k8s/deploy, k8s/deployed or k8s/undeploy against the control plane.
func (p *Plane) script(name string, settings ...string) (string, error) {
	arguments := []string{}
	if name == "deployed" {
		arguments, settings = settings[:1], settings[1:]
	}
	command := exec.Command(kit.At("k8s", name), arguments...)
	command.Env = append(append(os.Environ(), "KUBECONFIG="+p.kubeconfig, "PUSH=no", "TAG=1"), settings...)
	output, err := command.CombinedOutput()
	return string(output), err
}

// refuses fails the test unless the script fails and prints these words.
func (p *Plane) refuses(script string, settings []string, words ...string) {
	p.Helper()
	output, err := p.script(script, settings...)
	if err == nil {
		p.Errorf("%s %v succeeds:\n%s", script, settings, output)
	} else if err := kit.Missing(output, words...); err != nil {
		p.Errorf("%s %v: %v", script, settings, err)
	}
}

// untouched fails the test if a refused deployment left anything.
func (p *Plane) untouched() {
	p.Helper()
	left := p.kubectl("get", "namespaces,mutatingadmissionpolicies,mutatingadmissionpolicybindings", "-o", "name")
	if strings.Contains(left, "money-bank-dev") {
		p.Errorf("it left:\n%s", left)
	}
}

func deploySaysWhatIsMissing(p *Plane) {
	// As if the manifests had never been applied.
	for _, environment := range []string{"dev", "prod"} {
		p.kubectl("delete", "-k", kit.At("k8s/manifests", environment))
	}
	for _, row := range []struct {
		settings []string
		missing  string
	}{
		{[]string{"IMAGE="}, "IMAGE: where the application is pushed"},
		{[]string{"IMAGE=registry/Bank"}, `IMAGE in small letters: no registry takes "registry/Bank"`},
		{[]string{image, https, "CONTROLLER=gateway-traefik"}, "the GatewayClass traefik"},
		{[]string{image, "ENV=production"}, `ENV is dev, staging or prod, not "production"`},
		{[]string{image, "URL=bank.example.com"}, "URL is https://HOST"},
		{[]string{image, "KUBECONFIG=/none"}, "a cluster that answers"},
		{[]string{image, "HELM=--set executor.runtimeClassName=none-such"}, "the RuntimeClass none-such"},
		{[]string{image, https, front}, "an ingress class that is the default"},
		{[]string{image, https, front + "--set ingress.className=none-such"}, "the ingress class none-such"},
		{[]string{image, https, front, "ENV=prod"}, "the issuer letsencrypt-production"},
		{[]string{image, https, "CONTROLLER=apache"}, `CONTROLLER is one of gateway-envoy`},
		{[]string{image, https, "CONTROLLER=traefik"}, "the ingress class traefik"},
		{[]string{image, "HELM=--set redis.password.source=existing,redis.password.secretName=none-such"}, "the Secret none-such with the key password in the namespace money-bank-dev"},
		{[]string{image, "HELM=--set image.pullSecrets={none-such}"}, "the Secret none-such in the namespace money-bank-dev"},
		{[]string{image, "HELM=--set redis.enabled=false,redis.external.url=rediss://:p@cache,redis.tls.caSecret=none-such"}, "the Secret none-such with the key ca-certificates.crt in the namespace money-bank-dev"},
		{[]string{image, "CONTROLLER=openshift", "HELM=--set test.controller=router.openshift-ingress,route.enabled=true,test.caSecret=none-such"}, "the Secret none-such with the key ca.crt in the namespace money-bank-dev"},
		{[]string{image, "HELM=--set coingeckoApiKey.secretName=none-such"}, "the Secret none-such with the key api-key in the namespace money-bank-dev"},
	} {
		p.refuses("deploy", row.settings, "Nothing was changed. Missing:", row.missing)
	}
	p.untouched()
}

// Somebody may read and patch each object, but not list Secrets. So Helm finds no release: the release runs on, and none of its Secrets is deleted.
func deployStopsWhereHelmCanNotTellWhatIsThere(p *Plane) {
	const namespace = "money-bank-dev"
	p.install(p.namespace(namespace), kit.Chart)
	before := p.left(namespace)
	p.kubectl("create", "clusterrole", "reader", "--verb=get,list", "--resource=namespaces,runtimeclasses,storageclasses,statefulsets,persistentvolumeclaims")
	p.kubectl("create", "clusterrole", "getter", "--verb=get,patch", "--resource=*.*")
	for _, role := range []string{"reader", "getter"} {
		p.kubectl("create", "clusterrolebinding", role, "--clusterrole="+role, "--user=reader")
	}
	limited := kit.Write(p, p.TempDir()+"/kubeconfig", strings.Replace(kit.Read(p, p.kubeconfig), "user: {token:", "user: {as: reader, token:", 1))
	output, err := p.script("deploy", image, "KUBECONFIG="+limited)
	if err == nil || kit.Missing(output, "Nothing was changed. Whether there is a release", "cannot list") != nil || strings.Contains(output, "taken back") {
		p.Errorf("%v\n%s", err, output)
	}
	if after := p.left(namespace); !slices.Contains(after, "secret/bank-redis") || !slices.Contains(after, "spinapp.core.spinkube.dev/bank") {
		p.Errorf("there was %v, there is %v", before, after)
	}
	p.helm("uninstall", "bank", "--namespace", namespace)
	p.kubectl("delete", "namespace", namespace)
}

func deployStopsWhereTheTemplateFails(p *Plane) {
	p.refuses("deploy", []string{image, "HELM=--set replicas=two"}, "at '/replicas': got string, want integer", "Nothing was changed. The chart refuses these values")
	p.refuses("deploy", []string{image, "HELM=--values none-such.yaml"}, "none-such.yaml", "Nothing was changed.")
	p.untouched()
}

func deployTakesAnInstallationBackThatFails(p *Plane) {
	// The owner of a cluster may have such a policy: the API server refuses the objects only when they are made.
	policy := kit.Write(p, p.TempDir()+"/policy.yaml", `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: no-spinapps}
spec:
  matchConstraints:
    resourceRules: [{apiGroups: [core.spinkube.dev], apiVersions: ["*"], operations: [CREATE], resources: [spinapps]}]
  validations: [{expression: "false", message: nobody may have a SpinApp}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: no-spinapps}
spec:
  policyName: no-spinapps
  validationActions: [Deny]
  matchResources: {namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: money-bank-dev}}}
`)
	p.kubectl("apply", "-f", policy)
	p.kubectl("create", "namespace", "money-bank-dev")
	app := kit.Write(p, p.TempDir()+"/app.yaml", "{apiVersion: core.spinkube.dev/v1alpha1, kind: SpinApp, metadata: {name: a}, spec: {image: i, executor: e}}")
	kit.Eventually(p, "SpinApps are refused", func() error {
		output, _ := kit.Try(kit.Tool("kubectl"), "--kubeconfig", p.kubeconfig, "-n", "money-bank-dev", "create", "--dry-run=server", "-f", app)
		return kit.Missing(output, "nobody may have a SpinApp")
	})
	p.refuses("deploy", []string{image}, "nobody may have a SpinApp", "the namespace money-bank-dev was there before and stays")
	if output := p.helm("list", "--all-namespaces"); strings.Contains(output, "money-bank-dev") {
		p.Errorf("it left a release:\n%s", output)
	}
	p.kubectl("delete", "namespace", "money-bank-dev")
	p.refuses("deploy", []string{image}, "nobody may have a SpinApp", "It was taken back, and the namespace money-bank-dev with it.")
	p.untouched()
	p.kubectl("delete", "-f", policy)
}

func deploySaysWhyARolloutFails(p *Plane) {
	const namespace = "money-bank-dev"
	look := "Where to look further:\n  kubectl -n money-bank-dev get spinapp,"
	// First an image that is missing, then one that is there.
	p.refuses("deploy", []string{image, "TAG=none-such", "PATIENCE=15"}, "Failed: Failed to pull image", "ImagePullBackOff", look)
	if output, err := p.script("deploy", image); err != nil {
		p.Errorf("%v\n%s", err, output)
	}
	p.helm("uninstall", "bank", "--namespace", namespace)
	p.kubectl("create", "quota", "none", "--hard=pods=0", "--namespace", namespace)
	p.refuses("deploy", []string{image, "PATIENCE=5"}, "exceeded quota: none", look)
	p.helm("uninstall", "bank", "--namespace", namespace)
	p.kubectl("delete", "quota", "none", "--namespace", namespace)

	// Pod Security: refused beforehand, where the policy is off; reported afterwards, where the deploy script did not ask.
	p.refuses("deploy", []string{image, "HELM=--set podPolicy.enabled=false"}, "Nothing was changed. Missing:", `Pod Security "restricted"`)
	p.install(namespace, kit.Chart, "--set", "podPolicy.enabled=false")
	p.refuses("deployed", []string{namespace, "PATIENCE=5"}, `violates PodSecurity "restricted:latest"`, look)
	p.helm("uninstall", "bank", "--namespace", namespace)

	// This key only begins like the one that is asked for.
	p.kubectl("-n", namespace, "create", "secret", "generic", "old", "--from-literal=url-old=redis://c")
	p.refuses("deploy", []string{image, "HELM=--set redis.enabled=false,redis.external.secretName=old"}, "the Secret old with the key url in the namespace")

	// A missing Secret: the operator waits for it, and reports nothing.
	p.install(namespace, kit.Chart, "--set", "redis.password.source=existing,redis.password.secretName=none-such")
	p.refuses("deployed", []string{namespace, "PATIENCE=5"}, "SpinApp/bank: it names the Secret none-such, which is not there", look)
	p.kubectl("delete", "namespace", namespace)
}

func deployInstallsAndUndeployLeavesTheMoney(p *Plane) {
	// There is no way in, and the controller's file counts all the same: OpenShift refuses a fixed user.
	output, err := p.script("deploy", image, "CONTROLLER=openshift", "HELM=--set settings.logLevel=warn")
	if err != nil || !strings.HasSuffix(output, "Money Bank is at http://bank.money-bank-dev.svc, inside the cluster\n") {
		p.Fatalf("%v\n%s", err, output)
	}
	if err := kit.Missing(output, logged); err != nil {
		p.Errorf("the log of the test: %v", err)
	}
	if image := p.runs("money-bank-dev", 1)[0].Spec.Containers[0].Image; image != "registry/bank:1" {
		p.Errorf("it runs %s", image)
	}
	if security := p.kubectl("-n", "money-bank-dev", "get", "pod", "bank-redis-0", "-o", "jsonpath={.spec.securityContext}"); strings.Contains(security, "runAsUser") {
		p.Errorf("on OpenShift Redis runs as a fixed user: %s", security)
	}
	p.helm("uninstall", "bank", "--namespace", "money-bank-dev")
	output, err = p.script("deploy", image, "HELM=--set nameOverride=moneybank")
	if err != nil || !strings.HasSuffix(output, "Money Bank is at http://moneybank.money-bank-dev.svc, inside the cluster\n") {
		p.Errorf("%v\n%s", err, output)
	}
	output, err = p.script("undeploy")
	if err != nil || kit.Missing(output, "data-bank-redis-0") != nil {
		p.Errorf("%v\n%s", err, output)
	}
}

func deploySaysWhenThereIsNoSpinKube(p *Plane) {
	p.kubectl("delete", "crd", "spinapps.core.spinkube.dev", "spinappexecutors.core.spinkube.dev", "certificates.cert-manager.io", "clusterissuers.cert-manager.io")
	kit.Eventually(p, "the kinds are gone", func() error {
		output, err := p.script("deploy", image, "ENV=prod", https, front)
		if err == nil {
			p.Fatal("it deploys")
		}
		return kit.Missing(output, "the kind SpinApp, of SpinKube: https://", "the kind SpinAppExecutor, of SpinKube",
			"the kind Certificate, of cert-manager: https://", "an ingress class that is the default")
	})
}
