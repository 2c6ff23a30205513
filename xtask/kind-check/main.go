// Reads files as kind reads its configuration: strictly, by kind's own types and the decoder
// that kind uses (pkg/internal/apis/config/encoding/load.go), and fills in its defaults.
//
// Not checked, because it is internal to kind: its validation of names, ports and subnets, and
// how patches are merged into the kubeadm configuration that it generates. That there are such
// images cannot be known here.
package main

import (
	"bytes"
	"fmt"
	"os"

	"go.yaml.in/yaml/v3"
	"sigs.k8s.io/kind/pkg/apis/config/v1alpha4"
)

func main() {
	failed := false
	for _, path := range os.Args[1:] {
		if err := check(path); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", path, err)
			failed = true
		}
	}
	if failed {
		os.Exit(1)
	}
}

func check(path string) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	decoder := yaml.NewDecoder(bytes.NewReader(raw))
	decoder.KnownFields(true)
	cluster := &v1alpha4.Cluster{}
	if err := decoder.Decode(cluster); err != nil {
		return err
	}
	if cluster.APIVersion != "kind.x-k8s.io/v1alpha4" || cluster.Kind != "Cluster" {
		return fmt.Errorf("it is a %s of %s", cluster.Kind, cluster.APIVersion)
	}
	// A file with a second document would be read without a word.
	if err := decoder.Decode(&struct{}{}); err == nil {
		return fmt.Errorf("kind reads only the first document")
	}
	v1alpha4.SetDefaultsCluster(cluster)
	for index, node := range cluster.Nodes {
		if node.Role != v1alpha4.ControlPlaneRole {
			return fmt.Errorf("node %d is a %s", index, node.Role)
		}
	}
	return nil
}
