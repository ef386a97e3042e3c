package lease

import (
	"errors"
	"fmt"
	"hash/fnv"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"k8s.io/client-go/rest"
)

// Config says where the API server is and what the Lease is called.
type Config struct {
	Host      string // https://host:port
	CAFile    string
	TokenFile string
	Namespace string
	Name      string // of the Lease: see NameFor
}

// InCluster reads what Kubernetes tells a pod: environment variables that give the address, and a folder with token,
// ca.crt and namespace. Errors are sentences.
func InCluster(environ func(string) string, folder string) (Config, error) {
	host, port := environ("KUBERNETES_SERVICE_HOST"), environ("KUBERNETES_SERVICE_PORT")
	if host == "" || port == "" {
		return Config{}, errors.New("KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set, so this is no pod of Kubernetes; want mqtt or off")
	}
	c := Config{
		Host: "https://" + net.JoinHostPort(host, port), CAFile: filepath.Join(folder, "ca.crt"), TokenFile: filepath.Join(folder, "token"),
	}
	for _, file := range []string{c.TokenFile, c.CAFile} {
		if _, err := os.ReadFile(file); err != nil {
			return Config{}, fmt.Errorf("there is no service account (%w); the pod needs automountServiceAccountToken: true", err)
		}
	}
	namespace, err := os.ReadFile(filepath.Join(folder, "namespace"))
	if err != nil {
		return Config{}, fmt.Errorf("there is no service account (%w); the pod needs automountServiceAccountToken: true", err)
	}
	c.Namespace = strings.TrimSpace(string(namespace))
	return c, nil
}

func (c Config) rest() *rest.Config {
	return &rest.Config{
		Host: c.Host, BearerTokenFile: c.TokenFile, UserAgent: "housephone",
		// HTTP/1.1: a request that is cut short takes its connection with it, and the next one makes a new one. With
		// HTTP/2 all would share one that a cut network keeps alive for half a minute.
		TLSClientConfig: rest.TLSClientConfig{CAFile: c.CAFile, NextProtos: []string{"http/1.1"}},
		QPS:             -1, // the election has a pace of its own
		WarningHandler:  rest.NoWarnings{},
	}
}

// NameFor is the name of the Lease of a phone: its id as far as a name of Kubernetes may hold it (RFC 1123 labels). An id
// that does not fit gets a number instead of what is left out.
func NameFor(id string) string {
	name := regexp.MustCompile(`[^a-z0-9-]+`).ReplaceAllString(strings.ToLower(id), "-")
	name = strings.Trim(name[:min(len(name), 200)], "-")
	if name == id {
		return "housephone-" + name
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(id))
	return strings.TrimSuffix(fmt.Sprintf("housephone-%s-%08x", name, h.Sum32()), "-")
}
