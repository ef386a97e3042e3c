// Package lease lets the instances of a pair meet at a Lease of Kubernetes (coordination.k8s.io/v1).
//
// The API server refuses a write that is not based on the latest version of the Lease, so that of two claims one wins.
// Only the REST client of client-go is used, with a scheme of this one API group: the clientset would bring the types of
// every group along.
package lease
