// kubemark's hollow node: a kubelet's own code over a fake container runtime, which virtual
// nodes are compared with. Only that comparison needs it, so it is a binary of its own.
//
// Kubernetes' cmd/kubemark would do, but it serves on all addresses, and sets some options
// otherwise than a kubelet without need. So this uses the library beneath it, pkg/kubemark.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"go.opentelemetry.io/otel/trace/noop"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/component-base/cli"
	"k8s.io/component-base/version/verflag"
	remote "k8s.io/cri-client/pkg"
	fakeremote "k8s.io/cri-client/pkg/fake"
	cadvisor "k8s.io/kubernetes/pkg/kubelet/cadvisor/testing"
	"k8s.io/kubernetes/pkg/kubelet/cm"
	"k8s.io/kubernetes/pkg/kubemark"
)

func main() {
	var name, kubeconfig string
	command := &cobra.Command{
		Use:  "kubemark",
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			verflag.PrintAndExitIfRequested()
			return run(command.Context(), name, kubeconfig)
		},
	}
	command.Flags().StringVar(&name, "name", "hollow-0", "name of the node")
	command.Flags().StringVar(&kubeconfig, "kubeconfig", "", "how the node reaches the apiserver")
	verflag.AddFlags(command.Flags())
	os.Exit(cli.Run(command))
}

func run(ctx context.Context, name, kubeconfig string) error {
	flags, config := kubemark.GetHollowKubeletConfig(&kubemark.HollowKubeletOptions{NodeName: name, MaxPods: 110})
	// Nothing of the wire to the apiserver depends on the kubelet's own server.
	config.EnableServer = false
	// A kubelet's default (pkg/kubelet/apis/config/v1beta1/defaults.go); kubemark has 10 s.
	config.SyncFrequency.Duration = time.Minute

	access, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return fmt.Errorf("kubeconfig: %w", err)
	}
	access.ContentType = "application/vnd.kubernetes.protobuf"
	access.UserAgent = "hollow-kubelet"
	// A kubelet's defaults; kubemark has 10 and 20.
	client, err := clientWith(access, 50, 100, 0)
	if err != nil {
		return err
	}
	// cmd/kubelet/app/server.go: heartbeats are not limited, and time out with the status.
	heartbeats, err := clientWith(access, -1, 0, config.NodeStatusUpdateFrequency.Duration)
	if err != nil {
		return err
	}

	endpoint := "unix://" + filepath.Join(os.TempDir(), name+".sock")
	runtime := fakeremote.NewFakeRemoteRuntime()
	if err := runtime.Start(endpoint); err != nil {
		return fmt.Errorf("runtime: %w", err)
	}
	defer runtime.Stop()
	service, err := remote.NewRemoteRuntimeService(ctx, endpoint, 15*time.Second, noop.NewTracerProvider(), false)
	if err != nil {
		return fmt.Errorf("runtime: %w", err)
	}
	machine := &cadvisor.Fake{NodeName: name}
	kubemark.NewHollowKubelet(flags, config, client, heartbeats, machine, runtime.ImageService, service, cm.NewStubContainerManager()).Run(ctx)
	return nil
}

func clientWith(access *rest.Config, qps float32, burst int, timeout time.Duration) (*kubernetes.Clientset, error) {
	config := rest.CopyConfig(access)
	config.QPS, config.Burst, config.Timeout = qps, burst, timeout
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	return client, nil
}
