package kit

import (
	"fmt"
	"testing"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

const token = "of-the-test-only"

// ControlPlane is a control plane of Kubernetes, with clients.
type ControlPlane struct {
	kubernetes.Interface
	Config     *rest.Config
	Kubeconfig string
}

// PlaneOptions is what its users set differently.
type PlaneOptions struct {
	// Where the API server listens, and further arguments for it and for kube-controller-manager.
	Address     string
	APIServer   []string
	Controllers []string
}

// StartPlane starts etcd, kube-apiserver, kube-controller-manager and kube-scheduler in a folder. They end with t.
func StartPlane(t testing.TB, folder string, options PlaneOptions) *ControlPlane {
	etcd, peer, port := FreePort(t), FreePort(t), FreePort(t)
	etcdURL, server := fmt.Sprintf("http://127.0.0.1:%d", etcd), fmt.Sprintf("https://%s:%d", options.Address, port)
	kubeconfig := Write(t, folder+"/kubeconfig", fmt.Sprintf(`
apiVersion: v1
kind: Config
current-context: test
clusters: [{name: test, cluster: {server: "%s", insecure-skip-tls-verify: true}}]
users: [{name: test, user: {token: %s}}]
contexts: [{name: test, context: {cluster: test, user: test}}]
`, server, token))
	tokens := Write(t, folder+"/tokens", token+`,test,test,"system:masters"`+"\n")
	Run(t, "openssl", "genrsa", "-out", folder+"/accounts.key", "2048")

	Start(t, "etcd", nil, "etcd", "--data-dir", folder+"/etcd", "--listen-client-urls", etcdURL, "--advertise-client-urls", etcdURL,
		"--listen-peer-urls", fmt.Sprintf("http://127.0.0.1:%d", peer), "--unsafe-no-fsync")
	apiserver := Start(t, "kube-apiserver", nil, Tool("kube-apiserver"), append([]string{"--etcd-servers", etcdURL,
		"--bind-address=" + options.Address, fmt.Sprintf("--secure-port=%d", port), "--cert-dir=" + folder,
		"--advertise-address=10.77.0.1", "--service-cluster-ip-range=10.0.0.0/24", "--authorization-mode=Node,RBAC", "--token-auth-file=" + tokens,
		"--service-account-issuer=https://kubernetes.default.svc", "--service-account-key-file=" + folder + "/accounts.key",
		"--service-account-signing-key-file=" + folder + "/accounts.key", "--allow-privileged=false",
		// The API server asks a Pod's node for its log.
		"--kubelet-preferred-address-types=InternalIP",
		// Debian's etcd is too old for WatchList: kwok would ask for it again and again, ever more slowly.
		"--feature-gates=WatchList=false"}, options.APIServer...)...)

	plane := &ControlPlane{Kubeconfig: kubeconfig, Config: &rest.Config{
		Host: server, BearerToken: token, TLSClientConfig: rest.TLSClientConfig{Insecure: true}, QPS: 200, Burst: 200,
		WarningHandler: rest.NoWarnings{},
	}}
	plane.Interface = kubernetes.NewForConfigOrDie(plane.Config)
	Eventually(t, "the API server is ready", func() error {
		if err := apiserver.Runs(); err != nil {
			t.Fatal(err)
		}
		return plane.Discovery().RESTClient().Get().AbsPath("/readyz").Do(t.Context()).Error()
	})
	Start(t, "kube-controller-manager", nil, Tool("kube-controller-manager"), append([]string{"--kubeconfig=" + kubeconfig, "--leader-elect=false",
		"--secure-port=0", "--service-account-private-key-file=" + folder + "/accounts.key", "--horizontal-pod-autoscaler-sync-period=1s"}, options.Controllers...)...)
	Start(t, "kube-scheduler", nil, Tool("kube-scheduler"), "--kubeconfig="+kubeconfig, "--leader-elect=false", "--secure-port=0")
	return plane
}
