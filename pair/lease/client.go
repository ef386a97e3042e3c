package lease

import (
	"context"
	"math"
	"time"

	coordination "k8s.io/api/coordination/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"

	"housephone/pair"
)

// client reads and writes the one Lease.
type client struct {
	rest            *rest.RESTClient
	namespace, name string
}

func newClient(c Config) (*client, error) {
	scheme := runtime.NewScheme()
	if err := coordination.AddToScheme(scheme); err != nil {
		return nil, err
	}
	config := c.rest()
	config.APIPath = "/apis"
	config.GroupVersion = &coordination.SchemeGroupVersion
	config.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	r, err := rest.RESTClientFor(config)
	if err != nil {
		return nil, err
	}
	return &client{rest: r, namespace: c.Namespace, name: c.Name}, nil
}

// get reads the Lease. cached may be older than the latest: it is answered from memory.
func (c *client) get(ctx context.Context, cached bool) (*coordination.Lease, error) {
	req := c.rest.Get().Namespace(c.namespace).Resource("leases").Name(c.name)
	if cached {
		req = req.Param("resourceVersion", "0")
	}
	l := &coordination.Lease{}
	return l, req.Do(ctx).Into(l)
}

// put writes the Lease on top of version; an empty one makes it.
func (c *client) put(ctx context.Context, l *coordination.Lease) (*coordination.Lease, error) {
	req := c.rest.Post().Namespace(c.namespace).Resource("leases")
	if l.ResourceVersion != "" {
		req = c.rest.Put().Namespace(c.namespace).Resource("leases").Name(c.name)
	}
	out := &coordination.Lease{}
	return out, req.Body(l).Do(ctx).Into(out)
}

// document is a record as a Lease, the way client-go's leader election writes it: without a holder when it is released.
func (c *client) document(before *coordination.Lease, r pair.Record, now time.Time) *coordination.Lease {
	l := &coordination.Lease{ObjectMeta: meta.ObjectMeta{Name: c.name, Namespace: c.namespace}}
	if before != nil {
		l = before.DeepCopy()
	}
	moment := meta.NewMicroTime(now)
	if l.Spec.AcquireTime == nil || value(l.Spec.HolderIdentity) != r.Holder {
		l.Spec.AcquireTime = &moment
	}
	holder := r.Holder
	if r.Released {
		holder = ""
	}
	seconds := int32(math.Ceil(r.TTL.Seconds()))
	epoch := int32(min(r.Epoch, math.MaxInt32)) //nolint:gosec // bounded in this line
	l.Spec.HolderIdentity, l.Spec.LeaseDurationSeconds, l.Spec.RenewTime, l.Spec.LeaseTransitions = &holder, &seconds, &moment, &epoch
	return l
}

// record reads a Lease that anybody may have written.
func record(l *coordination.Lease) pair.Record {
	seconds := min(max(value(l.Spec.LeaseDurationSeconds), 0), 600)
	return pair.Record{
		Holder: value(l.Spec.HolderIdentity), Epoch: uint64(max(value(l.Spec.LeaseTransitions), 0)), //nolint:gosec // not negative
		TTL: time.Duration(seconds) * time.Second, Released: value(l.Spec.HolderIdentity) == "",
	}
}

func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}
