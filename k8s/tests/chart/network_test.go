package chart

import (
	"net/netip"
	"slices"
	"testing"

	"moneybank/k8s/tests/kit"

	networkingv1 "k8s.io/api/networking/v1"
)

func policies(t *testing.T, arguments ...string) map[string]networkingv1.NetworkPolicySpec {
	t.Helper()
	found := map[string]networkingv1.NetworkPolicySpec{}
	for _, object := range kit.Rendered(t, arguments...) {
		if object.GetKind() == "NetworkPolicy" {
			found[object.GetName()] = kit.Into[networkingv1.NetworkPolicy](t, object).Spec
		}
	}
	return found
}

// ports lists the ports that the application may call, without those of DNS and of the chart's Redis.
func ports(t *testing.T, arguments ...string) []int {
	t.Helper()
	var all []int
	for _, rule := range policies(t, arguments...)["bank"].Egress {
		for _, port := range rule.Ports {
			all = append(all, port.Port.IntValue())
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func TestTheApplicationIsLetThroughToThePortsOfItsAddresses(t *testing.T) {
	const external = "redis.enabled=false,redis.external."
	const jwt = "auth.mode=jwt,auth.audience=bank,auth.issuer="
	for values, want := range map[string][]int{
		"replicas=1": {53, 443, 6379},
		external + "url=redis://:p@cache.example.com:6380/1":     {53, 443, 6380},
		external + "url=rediss://user:p@[fd00::1]:7000?a=b":      {53, 443, 7000},
		external + "url=redis://cache":                           {53, 443, 6379},
		external + "secretName=mine":                             {53, 443, 6379},
		external + "secretName=mine,redis.external.port=7001":    {53, 443, 7001},
		"settings.coingeckoOrigin=http://rates.example.com:8080": {53, 6379, 8080},
		"settings.coingeckoOrigin=http://rates.example.com":      {53, 80, 6379},
		"executor.otlpEndpoint=http://collector.monitoring:4318": {53, 443, 4318, 6379},
		"executor.otlpEndpoint=http://collector.telemetry.svc:4318,networkPolicy.monitoringNamespaces={monitoring,telemetry}": {53, 443, 4318, 6379},
		"executor.otlpEndpoint=http://collector.telemetry:4318,networkPolicy.monitoringNamespaces[0].team=watch":              {53, 443, 4318, 6379},
		"auth.issuer=https://login.example.com:8443":                                                {53, 443, 6379}, // auth.mode is header: nobody asks it
		jwt + "https://login.example.com:8443/realms/bank":                                          {53, 443, 6379, 8443},
		jwt + "https://login.example.com,auth.jwksUrl=https://keys.example.com:9443/a":              {53, 443, 6379, 9443},
		jwt + "https://login.example.com:8443,auth.secret.secretName=mine":                          {53, 443, 6379},
		jwt + "http://keycloak.login.svc.cluster.local:8080/realms/bank,settings.ratesTtlSeconds=1": {53, 443, 6379},
	} {
		if got := ports(t, "--set", values); !slices.Equal(got, want) {
			t.Errorf("%s: %v, not %v", values, got, want)
		}
	}
}

// In a NetworkPolicy an empty list of peers allows everybody.
func TestNoRuleIsOpenToEverybodyForWantOfANamespace(t *testing.T) {
	for name, arguments := range map[string][]string{
		"no monitoring": {"--set-json", `networkPolicy.monitoringNamespaces=[]`},
		"a collector elsewhere": {"--set", "executor.otlpEndpoint=http://collector.example.com:4318", "--set-json",
			`networkPolicy.monitoringNamespaces=[]`, "--set-json", `networkPolicy.extraEgress=[{"to":[{"ipBlock":{"cidr":"192.0.2.1/32"}}]}]`},
		"null": {"--set", "networkPolicy.ingressNamespaces=null,networkPolicy.monitoringNamespaces=null,networkPolicy.redisCidrs=null," +
			"networkPolicy.dns.cidrs=null,networkPolicy.extraEgress=null,networkPolicy.extraIngress=null,tolerations=null,image.pullSecrets=null," +
			"extraObjects=null,controllerObjects=null"},
	} {
		for policy, spec := range policies(t, arguments...) {
			for index, rule := range spec.Egress {
				if len(rule.To) == 0 {
					t.Errorf("%s: %s: rule %d leads anywhere", name, policy, index)
				}
			}
			for index, rule := range spec.Ingress {
				if len(rule.From) == 0 {
					t.Errorf("%s: %s: rule %d lets everybody in", name, policy, index)
				}
			}
		}
	}
}

func TestAnIssuerInTheClusterIsReachedByItsNamespace(t *testing.T) {
	for issuer, namespace := range map[string]string{
		"https://keycloak.login.svc/realms/bank":              "login",
		"http://keycloak.login.svc.cluster.local:8080/realms": "login",
		"https://login.example.com":                           "",
		"https://kc.kube-system.svc.evil.com/realms/bank":     "",
		"https://kc.kube-system.svc.cluster.local.evil.com":   "",
		"https://keycloak.login":                              "",
	} {
		found := ""
		for _, rule := range policies(t, "--set", "auth.mode=jwt,auth.audience=bank,auth.issuer="+issuer)["bank"].Egress {
			if len(rule.Ports) == 0 && len(rule.To) == 1 {
				found = rule.To[0].NamespaceSelector.MatchLabels["kubernetes.io/metadata.name"]
			}
		}
		if found != namespace {
			t.Errorf("%s: %q", issuer, found)
		}
	}
}

// The bank's calls to the Internet reach neither nodes nor the cloud's metadata service, by IPv4 or NAT64.
func TestNoAddressInsideIsReachedAsOneOutside(t *testing.T) {
	inside := []string{"10.1.2.3", "127.0.0.1", "168.63.129.16", "169.254.169.254", "192.168.0.1", "::1", "fd00:ec2::254",
		"64:ff9b::10.1.2.3", "64:ff9b::127.0.0.1", "64:ff9b::168.63.129.16", "64:ff9b::169.254.169.254", "64:ff9b::192.168.0.1", "64:ff9b:1::1"}
	outside := []string{"192.0.2.1", "168.63.129.17", "2001:db8::1", "64:ff9b::192.0.2.1"}
	reached := func(address string) bool {
		for _, rule := range policies(t)["bank"].Egress {
			for _, peer := range rule.To {
				in := func(cidr string) bool { return netip.MustParsePrefix(cidr).Contains(netip.MustParseAddr(address)) }
				if peer.IPBlock != nil && in(peer.IPBlock.CIDR) && !slices.ContainsFunc(peer.IPBlock.Except, in) {
					return true
				}
			}
		}
		return false
	}
	for _, address := range inside {
		if reached(address) {
			t.Errorf("%s is reached", address)
		}
	}
	for _, address := range outside {
		if !reached(address) {
			t.Errorf("%s is not reached", address)
		}
	}
}

// With auth.mode=header, whoever can call the bank can move money.
func TestWhoOnlyCollectsMayNotCall(t *testing.T) {
	for values, isLetIn := range map[string]bool{
		"replicas=1": false,
		"monitoring.blackboxExporter=blackbox.monitoring:9115": true,
	} {
		found := false
		for _, rule := range policies(t, "--set", values)["bank"].Ingress {
			for _, peer := range rule.From {
				if peer.NamespaceSelector != nil && peer.NamespaceSelector.MatchLabels["kubernetes.io/metadata.name"] == "monitoring" {
					found = true
				}
			}
		}
		if found != isLetIn {
			t.Errorf("%s: %t", values, found)
		}
	}
}

// The bank believes a trusted gateway about who the user is, so nobody else may call the bank.
func TestOnlyATrustedGatewayAndTheTestAreLetIn(t *testing.T) {
	const trusted = "auth.trustGateway=true,"
	for values, peers := range map[string][]string{
		trusted + "auth.gatewayPods.app=edge": {"ingress/app=edge", "app.kubernetes.io/component=test"},
		trusted + "auth.gatewayPods.app=edge,networkPolicy.ingressNamespaces[0].team=edge,networkPolicy.ingressNamespaces[1]=dmz": {
			"edge/app=edge", "dmz/app=edge", "app.kubernetes.io/component=test"},
		trusted + "networkPolicy.ingressNamespaces=null,gateway.enabled=true,gateway.className=istio,gateway.inNamespace=true": {
			"gateway.networking.k8s.io/gateway-name=bank", "app.kubernetes.io/component=test"},
	} {
		var found []string
		for _, rule := range policies(t, "--set", values)["bank"].Ingress {
			for _, peer := range rule.From {
				found = append(found, peerName(peer))
			}
		}
		if !slices.Equal(found, peers) {
			t.Errorf("%s: %v", values, found)
		}
	}
}

// peerName is a peer's namespace, if it has one, and the label that selects its pods.
func peerName(peer networkingv1.NetworkPolicyPeer) string {
	name := ""
	if peer.NamespaceSelector != nil {
		for _, value := range peer.NamespaceSelector.MatchLabels {
			name = value + "/"
		}
	}
	if peer.PodSelector == nil {
		return name + "everybody"
	}
	for _, key := range []string{"app.kubernetes.io/component", "gateway.networking.k8s.io/gateway-name", "app"} {
		if value, has := peer.PodSelector.MatchLabels[key]; has {
			return name + key + "=" + value
		}
	}
	return name + "everybody"
}
