// An API of the guide: it greets whoever has a token for it, and refuses within a second
// what was revoked.
package main

import (
	"context"
	"encoding/json"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/gatehouse-io/gatehouse/verify"
)

func env(name, otherwise string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return otherwise
}

func main() {
	v := &verify.Verifier{
		Issuer:   env("ISSUER", "http://127.0.0.1:8080"),
		Audience: "hello-api",
		Client:   verify.ClientSecretBasic(env("CLIENT_ID", "hello-api"), os.Getenv("CLIENT_SECRET")),
	}
	go func() { log.Fatal(v.Follow(context.Background())) }() // what was revoked

	http.Handle("GET /hello", v.Handler(verify.Requirement{Scopes: []string{"hello.read"}}, http.HandlerFunc(hello)))
	http.HandleFunc("GET /ready", func(w http.ResponseWriter, r *http.Request) {
		if err := v.Ready(r.Context()); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
		}
	})
	address := "127.0.0.1:" + env("PORT", "9004")
	log.Println("hello at http://" + address + "/hello")
	log.Fatal((&http.Server{Addr: address, ReadHeaderTimeout: 10 * time.Second}).ListenAndServe())
}

func hello(w http.ResponseWriter, r *http.Request) {
	c, _ := verify.FromContext(r.Context())
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"hello": c.Subject, "client": c.Client, "acting": c.Actors})
}
