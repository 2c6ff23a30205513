// kubeadm as it is: it judges what profiles are rendered to for it. Nothing else needs it, so
// it is a binary of its own.
package main

import (
	"k8s.io/kubernetes/cmd/kubeadm/app"
	utilerrors "k8s.io/kubernetes/cmd/kubeadm/app/util/errors"
)

func main() {
	utilerrors.HandleError(app.Run())
}
