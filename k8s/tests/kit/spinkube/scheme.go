package spinkube

import (
	"encoding/json"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/scheme"
)

// GroupVersion is that of the kinds here.
var GroupVersion = schema.GroupVersion{Group: "core.spinkube.dev", Version: "v1alpha1"}

// AddToScheme registers them.
var AddToScheme = (&scheme.Builder{GroupVersion: GroupVersion}).
	Register(&SpinApp{}, &SpinAppList{}, &SpinAppExecutor{}, &SpinAppExecutorList{}).AddToScheme

// DeepCopyObject copies a SpinApp.
func (a *SpinApp) DeepCopyObject() runtime.Object { return copied(a) }

// DeepCopyObject copies a list of SpinApps.
func (l *SpinAppList) DeepCopyObject() runtime.Object { return copied(l) }

// DeepCopyObject copies a SpinAppExecutor.
func (e *SpinAppExecutor) DeepCopyObject() runtime.Object { return copied(e) }

// DeepCopyObject copies a list of SpinAppExecutors.
func (l *SpinAppExecutorList) DeepCopyObject() runtime.Object { return copied(l) }

// copied copies by way of JSON, the form that these kinds have on the wire.
func copied[T any](from *T) *T {
	text, err := json.Marshal(from)
	to := new(T)
	if err == nil {
		err = json.Unmarshal(text, to)
	}
	if err != nil {
		panic(err)
	}
	return to
}
