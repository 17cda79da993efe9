//go:build all

package cluster

import (
	"context"
	"testing"

	"moneybank/k8s/tests/kit"
)

// The scenarios of `make test-k8s-more`. They need programs that take long to build (../build-all), and a network
// namespace of their own, in which the addresses of pods are this machine's. So does TestCloud.

func TestHelm3InstallsTestsAndUninstalls(t *testing.T) {
	plane := start(t)
	ctx, stop := context.WithCancel(t.Context())
	t.Cleanup(stop)
	plane.operate(ctx)
	helm := func(arguments ...string) string {
		return kit.Run(t, kit.Tool("helm3"), append([]string{"--kubeconfig", plane.kubeconfig, "--namespace", "three"}, arguments...)...)
	}
	plane.namespace("three")
	helm("upgrade", "--install", "bank", kit.Chart)
	plane.runs("three", 1)
	for range 2 {
		output := helm("test", "bank", "--logs")
		if err := kit.Missing(output, "Phase:          Succeeded", logged); err != nil {
			t.Error(err)
		}
	}
	helm("uninstall", "bank")
}

func TestUsersReachTheBankThroughTraefik(t *testing.T) {
	plane := start(t)
	ctx, stop := context.WithCancel(t.Context())
	t.Cleanup(stop)
	plane.operate(ctx)
	plane.traefikKinds()
	for name, arguments := range map[string][]string{
		"ingress": {"--values", kit.Chart + "/controllers/traefik.yaml"},
		"gateway": {"--values", kit.Chart + "/controllers/gateway-traefik.yaml"},
	} {
		t.Run(name, func(t *testing.T) { plane.of(t).throughTraefik(name, arguments) })
	}
}
