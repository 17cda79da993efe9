package cluster

import (
	"fmt"
	"slices"
	"strings"

	"moneybank/k8s/tests/kit"
	"moneybank/k8s/tests/kit/crds"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The objects that `runtime: bank` makes. The last of these tests run where SpinKube's kinds are unknown.

const (
	onBank   = "runtime=bank"
	onSQLite = "runtime=bank,redis.enabled=false,store.sqlite.enabled=true"
	native   = "money-bank/app-name=bank"
)

// runsNatively waits until the application has this many ready pods, and no others.
func (p *Plane) runsNatively(namespace string, pods int) []corev1.Pod {
	p.Helper()
	kit.Eventually(p, "bank runs in "+namespace, func() error {
		found := p.pods(namespace, native)
		ready := slices.DeleteFunc(slices.Clone(found), func(pod corev1.Pod) bool {
			return pod.Status.Phase != corev1.PodRunning || pod.DeletionTimestamp != nil
		})
		if len(ready) != pods || len(found) != pods {
			return fmt.Errorf("%d of %d pods run, %d are to:\n%s", len(ready), len(found), pods, p.kubectl("-n", namespace, "get", "events,pods"))
		}
		return nil
	})
	return p.pods(namespace, native)
}

func oneRuntimeIsNotTakenForTheOther(p *Plane) {
	namespace := p.namespace("both")
	isRefused := func(runtime string) {
		p.Helper()
		output, err := kit.Try(kit.Tool("helm"), "--kubeconfig", p.kubeconfig, "upgrade", "bank", kit.Chart, "--namespace", namespace, "--set", "runtime="+runtime)
		if err == nil || kit.Missing(output, "runtime: this release was installed with the other one", "helm -n both uninstall bank") != nil {
			p.Errorf("to %s: %v\n%s", runtime, err, output)
		}
	}
	p.install(namespace, kit.Chart, "--set", onBank)
	claim := p.kept(namespace).claim
	isRefused("spinkube")
	// The command that the refusal names.
	p.helm("uninstall", "bank", "--namespace", namespace, "--wait")
	p.install(namespace, kit.Chart)
	if after := p.kept(namespace).claim; after != claim {
		p.Errorf("the claim was %s, it is %s", claim, after)
	}
	isRefused("bank")
	p.helm("uninstall", "bank", "--namespace", namespace)
}

// Installed with the values of prod, as k8s/manifests/README.md says, in a namespace that enforces `restricted`.
func bankNeedsNoSpinKube(p *Plane) {
	// Prod's values need the kinds of cert-manager.
	for _, file := range crds.Files(p) {
		if strings.Contains(file, "cert-manager.io_") {
			p.kubectl("apply", "--server-side", "-f", file)
		}
	}
	p.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
	p.kubectl("apply", "--server-side", "--validate=strict", "-k", kit.At("k8s/manifests/prod-bank"))
	p.kubectl("-n", "money-bank", "create", "secret", "generic", "bank-redis",
		"--from-literal=password=made-up", "--from-literal=url=redis://:made-up@bank-redis:6379")
	// The autoscaler's minimum.
	for _, pod := range p.runsNatively("money-bank", 3) {
		if class := pod.Spec.RuntimeClassName; class != nil {
			p.Errorf("the pod has the RuntimeClass %s", *class)
		}
	}
	// EndpointSlices follow once pods are ready.
	kit.Eventually(p, "the Service leads to three pods", func() error {
		endpoints, err := p.DiscoveryV1().EndpointSlices("money-bank").List(p.Context(), metav1.ListOptions{LabelSelector: "kubernetes.io/service-name=bank"})
		if err == nil && (len(endpoints.Items) != 1 || len(endpoints.Items[0].Endpoints) != 3 || *endpoints.Items[0].Ports[0].Port != 3000) {
			err = fmt.Errorf("it leads to %+v", endpoints.Items)
		}
		return err
	})
	p.bankIsGuarded()
	kit.Eventually(p, "the budget of the application", func() error {
		budget, err := p.PolicyV1().PodDisruptionBudgets("money-bank").Get(p.Context(), "bank", metav1.GetOptions{})
		if err == nil && (budget.Status.ExpectedPods != 3 || budget.Status.DisruptionsAllowed != 1) {
			err = fmt.Errorf("%+v", budget.Status)
		}
		return err
	})
	p.kubectl("delete", "-k", kit.At("k8s/manifests/prod-bank"))
}

// bankIsGuarded checks by the NetworkPolicies who can reach whom.
func (p *Plane) bankIsGuarded() {
	test := end{namespace: "money-bank", labels: map[string]string{"app.kubernetes.io/component": "test",
		"app.kubernetes.io/part-of": "money-bank", "app.kubernetes.io/instance": "bank"}}
	app := end{namespace: "money-bank", labels: p.pods("money-bank", native)[0].Labels}
	redis := end{namespace: "money-bank", labels: p.pods("money-bank", "app.kubernetes.io/component=redis")[0].Labels}
	for _, row := range []struct {
		what     string
		from, to end
		port     int32
		allowed  bool
	}{
		{"helm test calls the application", test, app, 3000, true},
		{"the ingress controller calls the application", end{namespace: "traefik", labels: map[string]string{"app": "any"}}, app, 3000, true},
		{"the ingress controller calls another port", end{namespace: "traefik", labels: map[string]string{"app": "any"}}, app, 80, false},
		{"a neighbour calls the application", end{namespace: "money-bank", labels: map[string]string{"app": "any"}}, app, 3000, false},
		{"the application calls Redis", app, redis, 6379, true},
		{"the application calls CoinGecko", app, end{address: "104.18.20.1"}, 443, true},
		{"the application asks the cloud who it is", app, end{address: "169.254.169.254"}, 443, false},
	} {
		if got := p.passes(row.from, row.to, row.port); got != row.allowed {
			p.Errorf("%s: %v", row.what, got)
		}
	}
}

func turningAutoscalingOnTakesNoPodOfBankAway(p *Plane) {
	namespace := p.namespace("natively-scaled")
	p.install(namespace, kit.Chart, "--set", onBank+",replicas=5")
	p.runsNatively(namespace, 5)
	fewest := p.fewestReplicas(namespace)
	const scaled = onBank + ",autoscaling.enabled=true,autoscaling.minReplicas=3"
	for _, revision := range []string{"1", "2"} {
		p.install(namespace, kit.Chart, "--set", scaled+",secretRevision="+revision)
		if _, err := p.AutoscalingV2().HorizontalPodAutoscalers(namespace).Get(p.Context(), "bank", metav1.GetOptions{}); err != nil {
			p.Error(err)
		}
	}
	if fewest := fewest(); fewest < 3 {
		p.Errorf("for a while %d pods were wanted", fewest)
	}
	p.helm("uninstall", "bank", "--namespace", namespace)
}

func onBankSQLiteKeepsItsClaim(p *Plane) {
	namespace := p.namespace("file")
	claim := func() string {
		return p.kubectl("-n", namespace, "get", "pvc", "bank-data", "-o", "jsonpath={.metadata.uid} {.status.phase}")
	}
	p.install(namespace, kit.Chart, "--set", onSQLite)
	p.runsNatively(namespace, 1)
	before := claim()
	if !strings.HasSuffix(before, " Bound") {
		p.Errorf("the claim is %s", before)
	}
	output, err := kit.Try(kit.Tool("helm"), "--kubeconfig", p.kubeconfig, "upgrade", "bank", kit.Chart, "--namespace", namespace, "--set", onBank)
	if err == nil || kit.Missing(output, "store.sqlite.enabled: the claim bank-data holds the money") != nil {
		p.Errorf("%v\n%s", err, output)
	}
	p.helm("uninstall", "bank", "--namespace", namespace, "--wait")
	if left := p.left(namespace); !slices.Equal(left, []string{"persistentvolumeclaim/bank-data", "serviceaccount/default"}) {
		p.Errorf("left: %v", left)
	}
	p.install(namespace, kit.Chart, "--set", onSQLite)
	p.runsNatively(namespace, 1)
	if after := claim(); after != before {
		p.Errorf("the claim was %s, it is %s", before, after)
	}
	if output := p.helm("test", "bank", "--namespace", namespace, "--logs"); kit.Missing(output, logged) != nil {
		p.Error(output)
	}
	p.helm("uninstall", "bank", "--namespace", namespace)
}

func deployNeedsNoSpinKubeForBank(p *Plane) {
	p.refuses("deploy", []string{image, "RUNTIME=spin"}, `RUNTIME is spinkube or bank, not "spin"`)
	p.refuses("deploy", []string{image, "RUNTIME=bank", "TAG=none-such", "PATIENCE=6"}, "Failed: Failed to pull image", "ImagePullBackOff",
		"Where to look further:\n  kubectl -n money-bank-dev get deployment,")
	output, err := p.script("deploy", image, "RUNTIME=bank", "CONTROLLER=openshift")
	if err != nil || !strings.HasSuffix(output, "Money Bank is at http://bank.money-bank-dev.svc, inside the cluster\n") {
		p.Fatalf("%v\n%s", err, output)
	}
	pod := p.runsNatively("money-bank-dev", 1)[0].Spec
	if pod.Containers[0].Image != "registry/bank:1" || pod.SecurityContext.RunAsUser != nil {
		p.Errorf("it runs %s as %+v", pod.Containers[0].Image, pod.SecurityContext)
	}
	if output, err = p.script("undeploy"); err != nil || kit.Missing(output, "data-bank-redis-0") != nil {
		p.Errorf("%v\n%s", err, output)
	}
}
