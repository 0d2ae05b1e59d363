package verify_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/gatehouse-io/gatehouse/verify"
)

// An API of two routes. With Client and Follow, a token is refused within a second of a
// revocation.
func Example() {
	login := newIssuer() // a broker
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()

	v := &verify.Verifier{
		Issuer:   "https://login.example",
		Audience: "payroll-api",
		Client:   verify.ClientSecretBasic("payroll-api", "secret"),
		HTTP:     &http.Client{Transport: login},
	}
	go func() { _ = v.Follow(ctx) }()
	mux := http.NewServeMux()
	mux.Handle("GET /salaries", v.Handler(verify.Requirement{Scopes: []string{"payroll.read"}}, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		c, _ := verify.FromContext(r.Context())
		fmt.Println("salaries for", c.Subject, "by", c.Actors)
	})))
	mux.Handle("POST /salaries", v.Handler(verify.Requirement{Scopes: []string{"payroll.write"}}, http.NotFoundHandler()))
	for v.Ready(ctx) != nil { // what a readiness probe asks
		time.Sleep(time.Millisecond)
	}

	for _, method := range []string{http.MethodGet, http.MethodPost} {
		r := httptest.NewRequest(method, "/salaries", nil)
		r.Header.Set("Authorization", "Bearer "+login.token(login.person()))
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		fmt.Println(w.Code, http.StatusText(w.Code))
	}
	// Output:
	// salaries for alice by [payroll travel]
	// 200 OK
	// 403 Forbidden
}

// A token that did not come in an HTTP request.
func ExampleVerifier_Verify() {
	login := newIssuer()
	v := &verify.Verifier{Issuer: "https://login.example", Audience: "payroll-api", HTTP: &http.Client{Transport: login}}

	c, err := v.Verify(context.Background(), login.token(login.person()))
	fmt.Println(c.Subject, c.Client, c.Scopes, err)

	_, err = v.Verify(context.Background(), login.token(login.person().with("aud", "ledger-api")))
	fmt.Println(errors.Is(err, verify.ErrInvalid), err)
	// Output:
	// alice travel [payroll.read payroll.list] <nil>
	// true verify: the token is not valid: the token is for another API
}

// A handler that asks for a better authentication only where more is at stake (RFC 9470).
func ExampleVerifier_Check() {
	login := newIssuer()
	v := &verify.Verifier{Issuer: "https://login.example", Audience: "payroll-api", HTTP: &http.Client{Transport: login}}
	pay := v.Handler(verify.Requirement{}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, _ := verify.FromContext(r.Context())
		if r.FormValue("kind") == "abroad" {
			if err := v.Check(c, verify.Requirement{ACRValues: []string{"phr"}, MaxAge: 5 * time.Minute}); err != nil {
				verify.Refuse(w, err)
				return
			}
		}
		fmt.Println("paid")
	}))
	r := httptest.NewRequest(http.MethodPost, "/pay?kind=abroad", nil)
	r.Header.Set("Authorization", "Bearer "+login.token(login.person()))
	w := httptest.NewRecorder()
	pay.ServeHTTP(w, r)
	fmt.Println(w.Code, w.Header().Get("WWW-Authenticate"))
	// Output:
	// 401 Bearer error="insufficient_user_authentication", error_description="another authentication is needed", acr_values="phr", max_age="300"
}
