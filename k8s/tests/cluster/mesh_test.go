//go:build mesh

package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"moneybank/k8s/tests/kit"

	corev1 "k8s.io/api/core/v1"
)

// TestMesh is `make test-mesh`: what a real istiod makes of the chart. No proxy runs: the test judges the configuration that proxies get.
func TestMesh(t *testing.T) {
	plane := start(t)
	ctx, stop := context.WithCancel(t.Context())
	t.Cleanup(stop)
	plane.operate(ctx)
	i := plane.istio()
	for _, test := range []struct {
		name string
		run  func(*istio)
	}{
		{"with SpinKube", func(i *istio) { i.guards("spinkube", "core.spinkube.dev/app-name=bank", "80") }},
		{"with bank", func(i *istio) { i.guards("bank", "money-bank/app-name=bank", "3000") }},
		{"ambient", inAmbientZtunnelIsTold},
		{"istioctl finds a planted mistake", istioctlFindsAPlantedMistake},
	} {
		t.Run(test.name, func(t *testing.T) {
			mine := *i
			mine.Plane = plane.of(t)
			test.run(&mine)
		})
	}
}

const inIstio = "mesh.kind=istio,backup.enabled=true,monitoring.redisExporter.enabled=true,canary.enabled=true,canary.image.tag=2,canary.weight=25"

// guards installs the chart behind Istio's gateway, and checks the configuration that istiod sends to the proxies of its pods.
func (i *istio) guards(runtime, apps, port string) {
	namespace := i.namespace("mesh-" + runtime)
	i.install(namespace, kit.Chart, "--values", kit.Chart+"/controllers/gateway-istio.yaml", "--set", inIstio+",runtime="+runtime)
	bank, redis, gateway := i.pod(namespace, apps), i.pod(namespace, "app.kubernetes.io/component=redis"), i.pod(namespace, "gateway.networking.k8s.io/gateway-name=bank")
	i.analyzed(namespace)
	i.isTakenIn(bank)
	i.isTakenIn(redis)
	i.kubectl("-n", namespace, "create", "job", "--from=cronjob/bank-backup", "export")
	i.isTakenIn(i.pod(namespace, "app.kubernetes.io/component=backup"))

	config := i.configOf(bank, "sidecar")
	i.acceptsOnly(config, port, fmt.Sprintf("%s/bank-istio %s/bank-test", namespace, namespace))
	i.isMutual(config, "outbound|6379||bank-redis."+namespace+".svc.cluster.local")
	// The canary's pods call nobody of the release; here they stand for any caller.
	for _, service := range []string{"bank", "bank-canary"} {
		i.isMutual(config, "outbound|80||"+service+"."+namespace+".svc.cluster.local")
		routes := i.routes(config, service+"."+namespace+".svc.cluster.local")
		i.retries(routes, map[string]string{":method": "POST"}, 0, "")
		i.retries(routes, map[string]string{":method": "POST", "idempotency-key": "order-17"}, 1, "connect-failure,refused-stream,reset,retriable-status-codes")
		i.retries(routes, map[string]string{":method": "GET"}, 1, "connect-failure,refused-stream,reset,retriable-status-codes")
	}
	config = i.configOf(redis, "sidecar")
	i.acceptsOnly(config, "6379", namespace+"/bank")
	if chains := i.chains(config, "9121"); !chains["plain"] {
		i.Errorf("Prometheus has to be in the mesh: %v", chains)
	}
	// Istio's gateway retries nothing that may have arrived, whoever sent it.
	routes := i.routes(i.configOf(gateway, "router"), "bank.localhost")
	i.retries(routes, map[string]string{":method": "POST"}, -1, "connect-failure")
	i.retries(routes, map[string]string{":method": "POST", "idempotency-key": "order-17"}, -1, "connect-failure")
}

// pod waits for a pod that is ready.
func (i *istio) pod(namespace, selector string) corev1.Pod {
	i.Helper()
	var ready corev1.Pod
	kit.Eventually(i, selector+" runs in "+namespace, func() error {
		for _, pod := range i.pods(namespace, selector) {
			if pod.Status.PodIP != "" && pod.Status.Phase != corev1.PodPending {
				ready = pod
				return nil
			}
		}
		return fmt.Errorf("%s", i.kubectl("-n", namespace, "get", "pods,events"))
	})
	return ready
}

// isTakenIn: the API server had the webhook inject a proxy, and accepted the pod although its namespace enforces `restricted`.
func (i *istio) isTakenIn(pod corev1.Pod) {
	i.Helper()
	native := slices.ContainsFunc(pod.Spec.InitContainers, func(container corev1.Container) bool {
		return container.Name == "istio-proxy" && container.RestartPolicy != nil && *container.RestartPolicy == corev1.ContainerRestartPolicyAlways
	})
	if !native {
		i.Errorf("%s has no proxy that starts before it and ends after it", pod.Name)
	}
	for _, container := range pod.Spec.Containers {
		for what, probe := range map[string]*corev1.Probe{"startup": container.StartupProbe, "readiness": container.ReadinessProbe, "liveness": container.LivenessProbe} {
			if probe != nil && probe.HTTPGet != nil && probe.HTTPGet.Port.IntValue() != 15020 {
				i.Errorf("the kubelet's %s of %s is refused: it asks port %s", what, pod.Name, probe.HTTPGet.Port.String())
			}
		}
	}
}

// acceptsOnly: a port accepts only mutual TLS, and only from these ServiceAccounts.
func (i *istio) acceptsOnly(config proxyConfig, port, accounts string) {
	i.Helper()
	chains := i.chains(config, port)
	if len(chains) != 1 || !chains["mutual TLS"] {
		i.Errorf("port %s takes %v", port, slices.Collect(maps.Keys(chains)))
	}
	found := map[string]bool{}
	for _, listener := range config.Listeners {
		if listener["name"] != "virtualInbound" {
			continue
		}
		for _, policies := range all(listener, "policies") {
			for _, policy := range policies.(map[string]any) {
				if slices.Contains(numbers(policy, "destination_port"), port) {
					for _, name := range all(policy, "principal_name") {
						found[strings.ReplaceAll(strings.TrimPrefix(name.(map[string]any)["exact"].(string), "spiffe://cluster.local/ns/"), "/sa/", "/")] = true
					}
					if len(all(policy, "any")) > 0 {
						found["anybody"] = true
					}
				}
			}
		}
	}
	if got := strings.Join(slices.Sorted(maps.Keys(found)), " "); got != accounts {
		i.Errorf("port %s lets %q in, not %q", port, got, accounts)
	}
}

// chains lists how a port can be reached: "mutual TLS", "plain".
func (i *istio) chains(config proxyConfig, port string) map[string]bool {
	ways := map[string]bool{}
	for _, listener := range config.Listeners {
		if listener["name"] != "virtualInbound" {
			continue
		}
		for _, chain := range listener["filter_chains"].([]any) {
			chain := chain.(map[string]any)
			match, _ := chain["filter_chain_match"].(map[string]any)
			if fmt.Sprint(match["destination_port"]) != port {
				continue
			}
			way := "plain"
			for _, required := range all(chain["transport_socket"], "require_client_certificate") {
				if required == true {
					way = "mutual TLS"
				}
			}
			ways[way] = true
		}
	}
	return ways
}

// isMutual: callers use mutual TLS if they can.
func (i *istio) isMutual(config proxyConfig, name string) {
	i.Helper()
	for _, cluster := range config.Clusters {
		if cluster["name"] == name {
			text, _ := json.Marshal(cluster)
			if err := kit.Missing(string(text), `"sds_config"`, `"name":"default"`, `"alpn_protocols":["istio-peer-exchange","istio"`); err != nil {
				i.Errorf("%s: %v", name, err)
			}
			return
		}
	}
	i.Errorf("there is no %s", name)
}

// routes lists those of a host, in their order.
func (i *istio) routes(config proxyConfig, host string) []any {
	i.Helper()
	for _, routes := range config.Routes {
		for _, virtual := range routes["virtual_hosts"].([]any) {
			virtual := virtual.(map[string]any)
			if domains := virtual["domains"].([]any); slices.Contains(domains, any(host)) || slices.Contains(domains, any(host+":80")) {
				return virtual["routes"].([]any)
			}
		}
	}
	i.Fatalf("nothing leads to %s", host)
	return nil
}

// retries: the first route that matches a request gives the bank enough time, keeps its trace headers, and retries it so often, on these conditions.
func (i *istio) retries(routes []any, request map[string]string, again int, on string) {
	i.Helper()
	for _, route := range routes {
		route := route.(map[string]any)
		if !matchesRequest(route["match"].(map[string]any), request) {
			continue
		}
		action := route["route"].(map[string]any)
		if timeout, err := time.ParseDuration(fmt.Sprint(action["timeout"])); err != nil || timeout < 14*time.Second+500*time.Millisecond {
			i.Errorf("%v: after %s: %v", request, timeout, err)
		}
		policy, _ := action["retry_policy"].(map[string]any)
		times := 0
		if number, said := policy["num_retries"].(float64); said {
			times = int(number)
		}
		// -1: any number of retries, on that condition alone.
		if again >= 0 && times != again || fmt.Sprint(orNothing(policy["retry_on"])) != on {
			i.Errorf("%v is sent again %d times on %v, not %d on %q", request, times, policy["retry_on"], again, on)
		}
		for _, key := range []string{"request_headers_to_remove", "request_headers_to_add"} {
			if text := fmt.Sprint(all(route, key)); strings.Contains(text, "traceparent") {
				i.Errorf("%v: %s", request, text)
			}
		}
		return
	}
	i.Errorf("no route fits %v", request)
}

func orNothing(value any) any {
	if value == nil {
		return ""
	}
	return value
}

// matchesRequest: matches a request as Envoy does.
func matchesRequest(match map[string]any, request map[string]string) bool {
	for _, header := range listed(match["headers"]) {
		header := header.(map[string]any)
		value, there := request[header["name"].(string)]
		wanted, _ := header["string_match"].(map[string]any)
		if exact, is := wanted["exact"]; is && value != exact {
			return false
		}
		if pattern, is := wanted["safe_regex"].(map[string]any); is && !regexp.MustCompile("^(?:"+pattern["regex"].(string)+")$").MatchString(value) {
			return false
		}
		if !there {
			return false
		}
	}
	return true
}

func listed(value any) []any {
	list, _ := value.([]any)
	return list
}

// all lists the values of a name, wherever in a tree it is.
func all(tree any, name string) []any {
	var found []any
	switch tree := tree.(type) {
	case map[string]any:
		for key, value := range tree {
			if key == name {
				found = append(found, value)
			} else {
				found = append(found, all(value, name)...)
			}
		}
	case []any:
		for _, value := range tree {
			found = append(found, all(value, name)...)
		}
	}
	return found
}

func numbers(tree any, name string) []string {
	var found []string
	for _, value := range all(tree, name) {
		found = append(found, fmt.Sprint(value))
	}
	return found
}

// The rules that ztunnel gets for a pod: some ports accept these ServiceAccounts, the others at most mutual TLS.
const (
	accepts = `[{"rules":[{"matches":[{"destinationPorts":[%s]}]},{"matches":[{"principals":[%s]}]}]}%s]`
	strict  = `DENY[{"rules":[{"matches":[{"notPrincipals":[{"presence":{}}]}]}%s]}]`
)

func inAmbientZtunnelIsTold(i *istio) {
	namespace := i.namespace("mesh-ambient")
	i.install(namespace, kit.Chart, "--set", "mesh.kind=ambient,mesh.callers={edge/gateway},monitoring.redisExporter.enabled=true")
	bank := i.pod(namespace, "core.spinkube.dev/app-name=bank")
	if bank.Labels["istio.io/dataplane-mode"] != "ambient" {
		i.Errorf("the operator has lost the label: %v", bank.Labels)
	}
	redis := i.pod(namespace, "app.kubernetes.io/component=redis")
	// Istio's CNI plugin marks a pod like this once the pod is in the mesh.
	i.kubectl("-n", namespace, "annotate", "pods", "--all", "ambient.istio.io/redirection=enabled")
	i.analyzed(namespace)
	for pod, wanted := range map[string][]string{
		bank.Name: {fmt.Sprintf(accepts, "80", `{"exact":"cluster.local/ns/edge/sa/gateway"},{"exact":"cluster.local/ns/mesh-ambient/sa/bank-test"}`, ""), fmt.Sprintf(strict, "")},
		redis.Name: {fmt.Sprintf(accepts, "6379", `{"exact":"cluster.local/ns/mesh-ambient/sa/bank"}`, `,{"rules":[{"matches":[{"destinationPorts":[9121]}]}]}`),
			fmt.Sprintf(strict, `,{"matches":[{"notDestinationPorts":[9121]}]}`)},
	} {
		kit.Within(i, 20*time.Second, "ztunnel is told of "+pod, func() error {
			got, err := i.tellsZtunnel(namespace, pod)
			slices.Sort(got)
			slices.Sort(wanted)
			if err == nil && !slices.Equal(got, wanted) {
				err = fmt.Errorf("%q, not %q", got, wanted)
			}
			return err
		})
	}
}

// tellsZtunnel returns the rules for a pod. Each names its action, unless it allows.
func (i *istio) tellsZtunnel(namespace, pod string) ([]string, error) {
	text, err := i.get("/debug/ambientz")
	if err != nil {
		return nil, err
	}
	var config struct {
		Workloads []struct {
			Name, Namespace       string
			AuthorizationPolicies []string
		}
		Policies []struct {
			Name, Namespace, Action string
			Groups                  json.RawMessage
		}
	}
	if err := json.Unmarshal(text, &config); err != nil {
		return nil, err
	}
	var rules []string
	for _, workload := range config.Workloads {
		for _, policy := range config.Policies {
			if workload.Namespace == namespace && workload.Name == pod && slices.Contains(workload.AuthorizationPolicies, policy.Namespace+"/"+policy.Name) {
				rules = append(rules, policy.Action+string(policy.Groups))
			}
		}
	}
	return rules, nil
}

// analyzed: `istioctl analyze` finds nothing in a namespace of the control plane, except what is intended.
func (i *istio) analyzed(namespace string) {
	i.Helper()
	arguments := []string{"analyze", "--kubeconfig", i.kubeconfig, "--namespace", namespace, "--failure-threshold", "Info"}
	for _, meant := range []string{
		"IST0102=Namespace *",   // Each pod says itself that it is in the mesh.
		"IST0118=Service *",     // The operator does not name its Service's port; Istio detects the protocol.
		"IST0133=EnvoyFilter *", // A Gateway's retries have no other setting.
		"IST0171=Gateway *",     // No cloud gives it an address here.
	} {
		arguments = append(arguments, "--suppress", meant)
	}
	output, err := kit.Try(kit.Tool("istioctl"), arguments...)
	if err != nil || !strings.Contains(output, "No validation issues found") {
		i.Errorf("%v: %s", err, output)
	}
}

func istioctlFindsAPlantedMistake(i *istio) {
	output, err := kit.Try(kit.Tool("istioctl"), "analyze", "--kubeconfig", i.kubeconfig, "--namespace", "mesh-bank", kit.Write(i, i.TempDir()+"/mistake.yaml", `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: mistake, namespace: mesh-bank}
spec: {hosts: [else], http: [{route: [{destination: {host: nobody}}]}]}
`))
	if err == nil || kit.Missing(output, "IST0101", "nobody") != nil {
		i.Errorf("%v: %s", err, output)
	}
}
