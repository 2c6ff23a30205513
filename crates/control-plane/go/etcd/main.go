// One binary that is etcd, or etcdutl when it is started under that name, from their own
// published Go modules, so that a profile can choose the version. etcdutl restores
// snapshots; a second binary would double the cache for a few more kilobytes of code.
package main

import (
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/etcdutl/v3/etcdutl"
	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() {
	if filepath.Base(os.Args[0]) == "etcdutl" {
		runEtcdutl()
		return
	}
	etcdmain.Main(os.Args)
}

// runEtcdutl has of etcdutl's own main package what is needed of it; commands end the
// program themselves when they fail.
func runEtcdutl() {
	root := &cobra.Command{Use: "etcdutl", Short: "Works on etcd's files."}
	root.PersistentFlags().StringVarP(&etcdutl.OutputFormat, "write-out", "w", "simple", "set the output format (fields, json, protobuf, simple, table)")
	root.AddCommand(etcdutl.NewSnapshotCommand(), etcdutl.NewVersionCommand())
	if err := root.Execute(); err != nil {
		os.Exit(1)
	}
}
