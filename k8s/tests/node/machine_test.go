//go:build node

// Package node installs the chart on a real node: kubelet and kube-proxy, Debian's containerd and runc, CoreDNS, and a registry to pull
// images from. Containers run as they do on any cluster; network policies are not enforced. ../node/apart makes the namespaces and the
// folder in which all of it runs.
package node

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"moneybank/k8s/tests/kit"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	address  = "10.77.0.1"
	registry = address + ":5000"
	pods     = "10.78.0.0/16"
	services = "10.0.0.0/24"
	dns      = "10.0.0.10"
)

// Node is a node with its control plane, for one test.
type Node struct {
	testing.TB
	*kit.ControlPlane
	folder string
	// Of all tests.
	whole      testing.TB
	containerd *kit.Process
}

// start starts it; all of it ends with t.
func start(t *testing.T) *Node {
	folder := os.Getenv("NODE")
	if folder == "" {
		t.Fatal("NODE is not set: this runs in namespaces of its own, by make test-node")
	}
	n := &Node{TB: t, whole: t, folder: folder}
	n.network()
	n.registry()
	n.startContainerd()
	n.ControlPlane = kit.StartPlane(t, folder+"/plane", kit.PlaneOptions{Address: address, Controllers: []string{
		// Pods trust the API server by this certificate.
		"--root-ca-file=" + folder + "/plane/apiserver.crt"}})
	n.kubelet()
	n.kubeProxy()
	n.furnish()
	return n
}

// of returns the node for one test.
func (n *Node) of(t testing.TB) *Node {
	mine := *n
	mine.TB = t
	return &mine
}

func (n *Node) kubectl(arguments ...string) string {
	n.Helper()
	return kit.Run(n, kit.Tool("kubectl"), append([]string{"--kubeconfig", n.Kubeconfig}, arguments...)...)
}

func (n *Node) helm(arguments ...string) string {
	n.Helper()
	return kit.Run(n, kit.Tool("helm"), append([]string{"--kubeconfig", n.Kubeconfig}, arguments...)...)
}

// network gives the node an address. Each pod has a link of its own to it, so that all packets go through the node's rules.
func (n *Node) network() {
	kit.Run(n, "ip", "link", "add", "node0", "type", "bridge")
	kit.Run(n, "ip", "address", "add", address+"/24", "dev", "node0")
	kit.Run(n, "ip", "link", "set", "node0", "up")
	// No machine has a Service's address. Without a route to it, no rule would be asked.
	kit.Run(n, "ip", "route", "add", services, "dev", "node0")
	kit.Run(n, "sysctl", "--quiet", "net.ipv4.ip_forward=1")
	kit.Write(n, n.folder+"/cni/10-pods.conflist", `{"cniVersion": "0.4.0", "name": "pods", "plugins": [
  {"type": "ptp", "ipam": {"type": "host-local", "ranges": [[{"subnet": "`+pods+`"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}`)
}

// startContainerd starts containerd, or restarts it. Its containers run on meanwhile.
func (n *Node) startContainerd() {
	n.Helper()
	socket := "/run/containerd/containerd.sock"
	config := kit.Write(n, n.folder+"/containerd.toml", fmt.Sprintf(`
version = 2
root = "%[1]s/containerd"
state = "/run/containerd"
[grpc]
address = "%[2]s"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "registry.k8s.io/pause:3"
# This root may have no CAP_SYS_RESOURCE.
restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "%[1]s/cni"
[plugins."io.containerd.grpc.v1.cri".registry]
config_path = "%[1]s/registries"
`, n.folder, socket))
	// This registry has the images of all registries.
	kit.Write(n, n.folder+"/registries/_default/hosts.toml", "[host.\"http://"+registry+"\"]\ncapabilities = [\"pull\", \"resolve\"]\n")
	n.containerd = kit.Start(n.whole, "containerd", nil, "containerd", "--config", config)
	kit.Eventually(n, "containerd answers", func() error {
		if err := n.containerd.Runs(); err != nil {
			n.Fatal(err)
		}
		_, err := kit.Try("ctr", "--address", socket, "version")
		return err
	})
}

func (n *Node) kubelet() {
	n.Helper()
	resolv := kit.Write(n, n.folder+"/resolv.conf", "")
	config := kit.Write(n, n.folder+"/kubelet.yaml", fmt.Sprintf(`
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: {anonymous: {enabled: true}, webhook: {enabled: false}}
authorization: {mode: AlwaysAllow}
cgroupDriver: cgroupfs
cgroupRoot: /%[2]s
failCgroupV1: false
localStorageCapacityIsolation: false
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
clusterDNS: [%[3]s]
clusterDomain: cluster.local
resolvConf: %[4]s
podLogsDir: %[1]s/logs
volumePluginDir: %[1]s/plugins
failSwapOn: false
serializeImagePulls: false
oomScoreAdj: 0
# How full the machine's disk is says nothing of the bank.
evictionHard: {memory.available: 0%%, nodefs.available: 0%%, nodefs.inodesFree: 0%%, imagefs.available: 0%%, imagefs.inodesFree: 0%%}
imageGCHighThresholdPercent: 100
`, n.folder, n.folder[strings.LastIndex(n.folder, "/")+1:], dns, resolv))
	kubelet := kit.Start(n, "kubelet", nil, kit.Tool("kubelet"), "--config="+config, "--kubeconfig="+n.Kubeconfig, "--root-dir="+n.folder+"/kubelet",
		"--cert-dir="+n.folder+"/kubelet/pki", "--node-ip="+address, "--hostname-override=node")
	kit.Eventually(n, "the node is ready", func() error {
		if err := kubelet.Runs(); err != nil {
			n.Fatal(err)
		}
		node, err := n.CoreV1().Nodes().Get(n.Context(), "node", metav1.GetOptions{})
		if err != nil {
			return err
		}
		for _, condition := range node.Status.Conditions {
			if condition.Type == corev1.NodeReady && condition.Status == corev1.ConditionTrue {
				return nil
			}
		}
		return fmt.Errorf("%+v", node.Status.Conditions)
	})
}

func (n *Node) kubeProxy() {
	config := kit.Write(n, n.folder+"/kube-proxy.yaml", fmt.Sprintf(`
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
clientConnection: {kubeconfig: %s}
clusterCIDR: %s
detectLocalMode: ClusterCIDR
mode: iptables
hostnameOverride: node
bindAddress: %s
# It is the whole machine's.
conntrack: {maxPerCore: 0}
oomScoreAdj: 0
`, n.Kubeconfig, pods, address))
	kit.Start(n, "kube-proxy", nil, kit.Tool("kube-proxy"), "--config="+config)
}

// furnish gives the cluster what the chart expects to find there: DNS and disks.
func (n *Node) furnish() {
	var disks strings.Builder
	for index := range 8 {
		folder := fmt.Sprintf("%s/disks/%d", n.folder, index)
		if err := os.MkdirAll(folder, 0o755); err != nil {
			n.Fatal(err)
		}
		fmt.Fprintf(&disks, diskFile, index, folder)
	}
	n.kubectl("apply", "-f", kit.Write(n, n.folder+"/disks.yaml", disksFile+disks.String()))
	n.kubectl("apply", "-f", kit.At("k8s/tests/node/coredns.yaml"))
	n.kubectl("-n", "kube-system", "rollout", "status", "deployment/coredns", "--timeout=120s")
}

const disksFile = `
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: disks, annotations: {storageclass.kubernetes.io/is-default-class: "true"}}
provisioner: kubernetes.io/no-provisioner
volumeBindingMode: WaitForFirstConsumer
`

// A folder that only root may write to. A pod may, once the kubelet has given the folder to the pod's group.
const diskFile = `---
apiVersion: v1
kind: PersistentVolume
metadata: {name: disk-%d}
spec:
  capacity: {storage: 50Gi}
  accessModes: [ReadWriteOnce]
  storageClassName: disks
  local: {path: %s}
  nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [node]}]}]}}
`
