// Package cluster installs the chart on a real control plane: etcd, kube-apiserver, kube-controller-manager and kube-scheduler.
// kwok stands in for the nodes, and this package for SpinKube's operator. No container runs: the tests prove that every object is
// accepted, admitted and reconciled.
package cluster

import (
	"fmt"
	"strings"
	"testing"

	"moneybank/k8s/tests/kit"
	"moneybank/k8s/tests/kit/crds"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

const (
	// What every container logs.
	logged = "ok: it was asked"
	// The network of the pods; ../in-pod-network makes its addresses this machine's.
	podNetwork = "10.77.0.1/16"
)

// Plane is the control plane that all tests share; each test has namespaces of its own.
type Plane struct {
	testing.TB
	kubernetes.Interface
	Config     *rest.Config
	kubeconfig string
}

// start starts it; all of it ends with t.
func start(t *testing.T) *Plane {
	folder := t.TempDir()
	started := kit.StartPlane(t, folder, kit.PlaneOptions{Address: "127.0.0.1",
		// kwok's nodes send no heartbeats.
		Controllers: []string{"--node-monitor-grace-period=1h"}})
	plane := &Plane{TB: t, Interface: started.Interface, Config: started.Config, kubeconfig: started.Kubeconfig}
	plane.nodes(folder)
	plane.furnish(folder)
	return plane
}

// nodes starts kwok, which stands in for the kubelets, and sets what kubectl prints as a container's log.
func (p *Plane) nodes(folder string) {
	p.Helper()
	logs := kit.Write(p, folder+"/container.log", "2026-11-26T12:00:00Z stdout F "+logged+"\n")
	stages := kit.Write(p, folder+"/stages.yaml", strings.Replace(kit.Read(p, "k8s/tests/cluster/stages.yaml"), "LOGS", logs, 1))
	port := kit.FreePort(p)
	kwok := []string{"--kubeconfig=" + p.kubeconfig, "--manage-all-nodes=true", "--config=" + stages,
		"--cidr=" + podNetwork, "--node-ip=127.0.0.1", fmt.Sprintf("--node-port=%d", port), fmt.Sprintf("--server-address=127.0.0.1:%d", port)}
	for _, stage := range []string{"node/fast/node-initialize", "pod/fast/pod-ready", "pod/fast/pod-complete", "pod/fast/pod-delete"} {
		kwok = append(kwok, "--config="+kit.Required(p, "sigs.k8s.io/kwok")+"/kustomize/stage/"+stage+".yaml")
	}
	kit.Start(p, "kwok", nil, kit.Tool("kwok"), kwok...)
}

// furnish gives the cluster what the chart expects to find there.
func (p *Plane) furnish(folder string) {
	for _, file := range crds.Files(p) {
		p.kubectl("apply", "--server-side", "-f", file)
	}
	p.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
	var nodes strings.Builder
	for index, zone := range []string{"a", "b", "c"} {
		fmt.Fprintf(&nodes, `
apiVersion: v1
kind: Node
metadata: {name: node-%d, labels: {kubernetes.io/hostname: node-%d, topology.kubernetes.io/zone: %s}}
status: {allocatable: &size {cpu: "32", memory: 64Gi, ephemeral-storage: 100Gi, pods: "100"}, capacity: *size}
---
apiVersion: v1
kind: PersistentVolume
metadata: {name: disk-%d}
spec: {capacity: {storage: 50Gi}, accessModes: [ReadWriteOnce], storageClassName: disks, hostPath: {path: /nowhere}}
---
`, index, index, zone, index)
	}
	// Nothing reclaims a released volume, so there is one for each claim of all tests.
	for index := 3; index < 60; index++ {
		fmt.Fprintf(&nodes, "{apiVersion: v1, kind: PersistentVolume, metadata: {name: disk-%d}, spec: {capacity: {storage: 50Gi}, "+
			"accessModes: [ReadWriteOnce], storageClassName: disks, hostPath: {path: /nowhere}}}\n---\n", index)
	}
	nodes.WriteString(`
{apiVersion: storage.k8s.io/v1, kind: StorageClass, provisioner: kubernetes.io/no-provisioner, metadata: {name: disks, annotations: {storageclass.kubernetes.io/is-default-class: "true"}}}
`)
	p.kubectl("apply", "-f", kit.Write(p, folder+"/furniture.yaml", nodes.String()))
	p.kubectl("apply", "-f", kit.At("k8s/tests/cluster/runtimeclass.yaml"))
	p.kubectl("wait", "--for=condition=Ready", "node", "--all", "--timeout=60s")
}

func (p *Plane) kubectl(arguments ...string) string {
	p.Helper()
	return kit.Run(p, kit.Tool("kubectl"), append([]string{"--kubeconfig", p.kubeconfig}, arguments...)...)
}

func (p *Plane) helm(arguments ...string) string {
	p.Helper()
	return kit.Run(p, kit.Tool("helm"), append([]string{"--kubeconfig", p.kubeconfig}, arguments...)...)
}

// of returns the plane for one test.
func (p *Plane) of(t testing.TB) *Plane {
	mine := *p
	mine.TB = t
	return &mine
}

// namespace makes a namespace that enforces Pod Security `restricted`.
func (p *Plane) namespace(name string) string {
	p.Helper()
	p.kubectl("create", "namespace", name)
	p.kubectl("label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted")
	return name
}

// install installs the chart, or upgrades it.
func (p *Plane) install(namespace, chart string, arguments ...string) string {
	p.Helper()
	return p.helm(append([]string{"upgrade", "--install", "bank", chart, "--namespace", namespace, "--values", kit.InFront}, arguments...)...)
}
