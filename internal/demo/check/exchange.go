package check

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"
)

// calling has the app Calling ask the API in the name of the person.
func (w *walk) calling(ctx context.Context) error {
	page, err := w.person.Get(ctx, w.Calling.URL+"login")
	if err != nil {
		return err
	}
	if err := shows(page, "who", w.Allowed.Email); err != nil {
		return err
	}
	if page, err = w.person.Submit(ctx, page, "/call", nil); err != nil {
		return err
	}
	if result, _ := page.ByID("result"); !contains(result, "200 OK") || !contains(result, w.Calling.ClientID) {
		return fmt.Errorf("the API does not answer to %s for the person: %s", w.Calling.ClientID, page.Text())
	}
	return nil
}

// chain has the app Calling begin a chain in the name of the person, and cuts it.
func (w *walk) chain(ctx context.Context) error {
	page, err := w.person.Get(ctx, w.Calling.URL+"chain")
	if err == nil {
		page, err = w.person.Submit(ctx, page, "/chain", nil)
	}
	if err != nil {
		return err
	}
	for id, want := range map[string]string{
		"payroll-audience": "payroll-api", "payroll-act": w.Calling.ClientID, "payroll-now": "✓ accepted (200)",
		"ledger-audience": "ledger-api", "ledger-act": "payroll-api, for " + w.Calling.ClientID, "ledger-now": "✓ accepted (200)",
	} {
		if err := shows(page, id, want); err != nil {
			return err
		}
	}
	if page, err = w.person.Submit(ctx, page, "/chain/cut", nil); err != nil {
		return err
	}
	for _, api := range []string{"payroll", "ledger"} {
		if told, _ := page.ByID("cut-" + api + "-api"); !contains(told, api+"-api refused within ") {
			return fmt.Errorf("%s-api does not refuse: %s", api, page.Text())
		}
		if err := shows(page, api+"-now", "✗ refused (401)"); err != nil {
			return err
		}
	}
	return nil
}

// notExchanging tries the same as the app Refreshing, whose manifest names no API.
func (w *walk) notExchanging(ctx context.Context) error {
	got, err := w.authorize(ctx, w.person, nil)
	if err != nil {
		return err
	}
	held, err := w.redeem(ctx, got.code, got.verifier)
	if err != nil {
		return err
	}
	_, err = w.grant(ctx, url.Values{
		"grant_type":    {"urn:ietf:params:oauth:grant-type:token-exchange"},
		"subject_token": {held.Access}, "subject_token_type": {"urn:ietf:params:oauth:token-type:access_token"}, "audience": {"payroll-api"},
	})
	switch {
	case err == nil:
		return errors.New("it got a token")
	case !contains(err.Error(), "unauthorized_client"):
		return err
	}
	return nil
}

// signalled waits until the API Listening shows that a session was revoked.
func (w *walk) signalled(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	for {
		page, err := w.person.Get(ctx, w.Listening.URL)
		if err != nil {
			return fmt.Errorf("%s was not told of the sign-out: %w", w.Listening.ClientID, err)
		}
		if told, _ := page.ByID("signals"); contains(told, "session-revoked") {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s was not told of the sign-out: %s", w.Listening.ClientID, page.Text())
		case <-time.After(50 * time.Millisecond):
		}
	}
}
