package cluster

import (
	"maps"
	"net/netip"
	"path/filepath"
	"strings"

	"moneybank/k8s/tests/kit"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// end is one end of a connection: a pod, or an address outside of the cluster.
type end struct {
	namespace string
	labels    map[string]string
	address   string
	// The namespace's labels, besides its name.
	marks map[string]string
}

// The accepted policies are judged as a network plugin must judge them. Once a policy selects a pod for a direction, only what
// some policy allows gets through in that direction.
func nobodyElseIsLetThrough(p *Plane) {
	of := func(selector string) end {
		pod := p.pods("money-bank", selector)[0]
		return end{namespace: "money-bank", labels: pod.Labels}
	}
	app, redis := of("core.spinkube.dev/app-name=bank"), of("app.kubernetes.io/component=redis")
	test := end{namespace: "money-bank", labels: map[string]string{"app.kubernetes.io/component": "test",
		"app.kubernetes.io/part-of": "money-bank", "app.kubernetes.io/instance": "bank"}}
	in := func(namespace string) end { return end{namespace: namespace, labels: map[string]string{"app": "any"}} }
	out := func(address string) end { return end{address: address} }
	neighbour := in("money-bank")
	for _, row := range []struct {
		what     string
		from, to end
		port     int32
		allowed  bool
	}{
		{"monitoring, which only collects, calls the application", in("monitoring"), app, 80, false},
		{"helm test calls the application", test, app, 80, true},
		{"another namespace calls the application", in("default"), app, 80, false},
		{"a neighbour in the namespace calls the application", neighbour, app, 80, false},
		{"the application calls Redis", app, redis, 6379, true},
		{"a neighbour in the namespace calls Redis", neighbour, redis, 6379, false},
		{"somebody outside calls the application past the ingress controller", out("203.0.113.7"), app, 80, false},
		{"helm test calls Redis", test, redis, 6379, false},
		{"Redis calls out", redis, out("1.1.1.1"), 443, false},
		{"Redis resolves names", redis, in("kube-system"), 53, false},
		{"the application resolves names", app, in("kube-system"), 53, true},
		{"the application asks NodeLocal DNSCache", app, out("169.254.20.10"), 53, true},
		{"the application calls CoinGecko", app, out("104.18.20.1"), 443, true},
		{"the application calls CoinGecko over IPv6", app, out("2606:4700::6812:1401"), 443, true},
		{"the application calls a private address over IPv6", app, out("fd00::1"), 443, false},
		{"the application calls out in the clear", app, out("104.18.20.1"), 80, false},
		{"the application asks the cloud who it is", app, out("169.254.169.254"), 443, false},
		{"the application calls the API server", app, out("10.0.0.1"), 443, false},
		{"the application calls another namespace", app, in("default"), 443, false},
	} {
		if got := p.passes(row.from, row.to, row.port); got != row.allowed {
			p.Errorf("%s: %v", row.what, got)
		}
	}
}

// Where each controller's proxies run, and their labels, if it is installed as its own documentation says. Without a namespace:
// in the Gateway's.
var controllers = map[string]end{
	"gateway-envoy":   {namespace: "envoy-gateway-system", labels: map[string]string{"gateway.envoyproxy.io/owning-gateway-name": "bank"}},
	"gateway-haproxy": {namespace: "haproxy-unified-gateway", labels: map[string]string{"app.kubernetes.io/name": "haproxy-unified-gateway"}},
	"gateway-istio":   {labels: map[string]string{"gateway.networking.k8s.io/gateway-name": "bank"}},
	"gateway-nginx":   {labels: map[string]string{"gateway.networking.k8s.io/gateway-name": "bank"}},
	"gateway-traefik": {namespace: "traefik", labels: map[string]string{"app.kubernetes.io/name": "traefik"}},
	"haproxy":         {namespace: "haproxy-controller", labels: map[string]string{"app.kubernetes.io/name": "kubernetes-ingress"}},
	"ingress-nginx":   {namespace: "ingress-nginx", labels: map[string]string{"app.kubernetes.io/name": "ingress-nginx"}},
	"nginx":           {namespace: "nginx-ingress", labels: map[string]string{"app": "nginx-ingress"}},
	"openshift":       {namespace: "openshift-ingress", marks: map[string]string{"network.openshift.io/policy-group": "ingress"}},
	"traefik":         {namespace: "traefik", labels: map[string]string{"app.kubernetes.io/name": "traefik"}},
}

// The way that users go: from outside to the controller, which the chart does not guard; then from the controller's namespace to
// the application, and to nothing else.
func usersComeInThroughTheController(p *Plane) {
	files, err := filepath.Glob(kit.Chart + "/controllers/*.yaml")
	if err != nil || len(files) == 0 {
		p.Fatal(err, files)
	}
	user := end{address: "203.0.113.7"}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		controller, known := controllers[name]
		if !known {
			p.Errorf("where does %s live?", name)
			continue
		}
		namespace := "behind-" + name
		if controller.namespace == "" {
			controller.namespace = namespace
		}
		p.kubectl("create", "namespace", namespace)
		policies := kit.Template(p, "--namespace", namespace, "--values", kit.Values("prod"), "--values", file, "--show-only", "templates/networkpolicy.yaml")
		p.kubectl("apply", "--server-side", "-f", kit.Write(p, p.TempDir()+"/policies.yaml", policies))
		app := end{namespace: namespace, labels: map[string]string{"core.spinkube.dev/app-name": "bank",
			"app.kubernetes.io/part-of": "money-bank", "app.kubernetes.io/instance": "bank", "app.kubernetes.io/component": "app"}}
		redis := end{namespace: namespace, labels: map[string]string{"app.kubernetes.io/part-of": "money-bank",
			"app.kubernetes.io/instance": "bank", "app.kubernetes.io/component": "redis"}}
		for _, row := range []struct {
			what     string
			from, to end
			port     int32
			allowed  bool
		}{
			{"a user calls the controller", user, controller, 443, true},
			{"the controller calls the application", controller, app, 80, true},
			{"the controller calls another port of the application", controller, app, 8080, false},
			{"the controller calls Redis", controller, redis, 6379, false},
			{"a user calls the application past the controller", user, app, 80, false},
			{"another namespace calls the application", end{namespace: "default", labels: controller.labels}, app, 80, false},
		} {
			if got := p.passes(row.from, row.to, row.port); got != row.allowed {
				p.Errorf("%s: %s: %v", name, row.what, got)
			}
		}
		p.kubectl("delete", "namespace", namespace, "--wait=false")
	}
}

func (p *Plane) passes(from, to end, port int32) bool {
	p.Helper()
	list, err := p.NetworkingV1().NetworkPolicies("").List(p.Context(), metav1.ListOptions{})
	if err != nil {
		p.Fatal(err)
	}
	leaves, arrives := true, true
	for _, policy := range list.Items {
		for _, direction := range policy.Spec.PolicyTypes {
			if direction == networkingv1.PolicyTypeEgress && p.selects(policy, from) {
				leaves = false
			}
			if direction == networkingv1.PolicyTypeIngress && p.selects(policy, to) {
				arrives = false
			}
		}
	}
	for _, policy := range list.Items {
		for _, rule := range policy.Spec.Egress {
			leaves = leaves || p.selects(policy, from) && p.allows(policy.Namespace, rule.To, rule.Ports, to, port)
		}
		for _, rule := range policy.Spec.Ingress {
			arrives = arrives || p.selects(policy, to) && p.allows(policy.Namespace, rule.From, rule.Ports, from, port)
		}
	}
	return leaves && arrives
}

func (p *Plane) selects(policy networkingv1.NetworkPolicy, pod end) bool {
	return policy.Namespace == pod.namespace && p.matches(&policy.Spec.PodSelector, pod.labels)
}

func (p *Plane) allows(namespace string, peers []networkingv1.NetworkPolicyPeer, ports []networkingv1.NetworkPolicyPort, other end, port int32) bool {
	onPort, isPeer := len(ports) == 0, len(peers) == 0
	for _, allowed := range ports {
		onPort = onPort || allowed.Port.IntVal == port && (allowed.Protocol == nil || *allowed.Protocol == corev1.ProtocolTCP)
	}
	for _, peer := range peers {
		isPeer = isPeer || p.isPeer(namespace, peer, other)
	}
	return onPort && isPeer
}

func (p *Plane) isPeer(namespace string, peer networkingv1.NetworkPolicyPeer, other end) bool {
	if block := peer.IPBlock; block != nil {
		inside := func(cidr string) bool {
			return other.address != "" && netip.MustParsePrefix(cidr).Contains(netip.MustParseAddr(other.address))
		}
		for _, except := range block.Except {
			if inside(except) {
				return false
			}
		}
		return inside(block.CIDR)
	}
	if other.namespace == "" || peer.PodSelector != nil && !p.matches(peer.PodSelector, other.labels) {
		return false
	}
	if peer.NamespaceSelector == nil {
		return other.namespace == namespace
	}
	marks := map[string]string{"kubernetes.io/metadata.name": other.namespace}
	maps.Copy(marks, other.marks)
	return p.matches(peer.NamespaceSelector, marks)
}

func (p *Plane) matches(selector *metav1.LabelSelector, set map[string]string) bool {
	p.Helper()
	compiled, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		p.Fatal(err)
	}
	return compiled.Matches(labels.Set(set))
}
