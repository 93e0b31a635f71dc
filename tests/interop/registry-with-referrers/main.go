// registry-with-referrers serves go-containerregistry's in-memory registry, with the referrers API, which that module's own
// commands cannot turn on, or without. It prints the address it listens on, so that tests can let the system choose the port.
package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"

	"github.com/google/go-containerregistry/pkg/registry"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address to listen on; port 0 takes a free one")
	referrers := flag.Bool("referrers", true, "whether to have the referrers API")
	flag.Parse()
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(listener.Addr())
	quiet := registry.Logger(log.New(io.Discard, "", 0))
	log.Fatal(http.Serve(listener, registry.New(registry.WithReferrersSupport(*referrers), quiet)))
}
