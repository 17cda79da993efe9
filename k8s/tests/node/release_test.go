//go:build node

package node

import (
	"fmt"
	"slices"
	"strings"

	"moneybank/k8s/tests/kit"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	namespace = "money-bank"
	app       = "money-bank/app-name=bank"
	redis     = "app.kubernetes.io/component=redis"
)

// production returns prod's values, changed for what one small node lacks.
func (n *Node) production() []string {
	return []string{"--namespace", namespace, "--values", kit.Values("prod"), "--values", kit.InFront, "--set", strings.Join([]string{
		"runtime=bank",
		// The suites name their users by a header, as a gateway does.
		"auth.mode=header,auth.trustGateway=true,auth.gatewayPods.app=gateway",
		// There is neither cert-manager nor an ingress controller.
		"ingress.enabled=false,tls.mode=none",
		// The clients and the control plane share these two cores, so the store may be late.
		"settings.storageDeadlineMs=2000",
		// Four pods, and one more during an upgrade, must fit on two cores.
		"resources.requests.cpu=100m,redis.resources.requests.cpu=100m,redis.resources.requests.memory=512Mi",
		// This kubelet has no ephemeral storage to give.
		"resources.requests.ephemeral-storage=null,resources.limits.ephemeral-storage=null",
		"redis.resources.requests.ephemeral-storage=null,redis.resources.limits.ephemeral-storage=null",
		"test.resources.requests.ephemeral-storage=null,test.resources.limits.ephemeral-storage=null",
		// The suites wait for rates to expire.
		"settings.coingeckoOrigin=" + coingecko + ",settings.ratesTtlSeconds=1,settings.ratesMaxStaleSeconds=8,coingeckoApiKey.secretName=coingecko",
	}, ",")}
}

// install installs the chart, or upgrades it, and waits until all pods are ready.
func (n *Node) install(chart string, values ...string) {
	n.Helper()
	n.helm(append(append([]string{"upgrade", "--install", "bank", chart}, n.production()...), values...)...)
	n.comesUp()
}

func (n *Node) comesUp() {
	n.Helper()
	n.rollout("statefulset/bank-redis")
	n.rollout("deployment/bank")
	n.waitForPods(3)
}

func (n *Node) rollout(what string) {
	n.Helper()
	output, err := kit.Try(kit.Tool("kubectl"), "--kubeconfig", n.Kubeconfig, "-n", namespace, "rollout", "status", what, "--timeout=180s")
	if err != nil {
		n.Fatalf("%s: %v\n%s\n%s", what, err, output, n.kubectl("-n", namespace, "get", "pods,events", "-o", "wide"))
	}
}

// waitForPods waits until the application has this many pods, all ready, and no others.
func (n *Node) waitForPods(wanted int) {
	n.Helper()
	kit.Eventually(n, fmt.Sprintf("%d pods are ready", wanted), func() error {
		all := n.pods(app)
		ready := slices.DeleteFunc(slices.Clone(all), func(pod corev1.Pod) bool { return !isReady(pod) })
		if len(all) != wanted || len(ready) != wanted {
			return fmt.Errorf("%d of %d are", len(ready), len(all))
		}
		return nil
	})
}

func (n *Node) pods(selector string) []corev1.Pod {
	n.Helper()
	list, err := n.CoreV1().Pods(namespace).List(n.Context(), metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		n.Fatal(err)
	}
	return list.Items
}

func isReady(pod corev1.Pod) bool {
	return pod.DeletionTimestamp == nil && slices.ContainsFunc(pod.Status.Conditions, func(condition corev1.PodCondition) bool {
		return condition.Type == corev1.PodReady && condition.Status == corev1.ConditionTrue
	})
}

// service returns the address of the bank's Service.
func (n *Node) service() string {
	n.Helper()
	service, err := n.CoreV1().Services(namespace).Get(n.Context(), "bank", metav1.GetOptions{})
	if err != nil {
		n.Fatal(err)
	}
	return fmt.Sprintf("%s:%d", service.Spec.ClusterIP, service.Spec.Ports[0].Port)
}
