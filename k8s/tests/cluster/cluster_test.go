package cluster

import (
	"context"
	"testing"

	"moneybank/k8s/tests/kit"
)

func TestTheChartOnAControlPlane(t *testing.T) {
	plane := start(t)
	ctx, stop := context.WithCancel(t.Context())
	t.Cleanup(stop)
	go plane.operate(ctx)
	for _, test := range []struct {
		name string
		run  func(*Plane)
	}{
		{"the chart runs in a namespace that enforces restricted", runsUnderRestricted},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(plane.of(t)) })
	}
}

func runsUnderRestricted(p *Plane) {
	namespace := p.namespace("restricted")
	p.install(namespace, kit.Chart)
	p.runs(namespace, 1)
}
