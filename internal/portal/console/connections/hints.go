package connections

import "github.com/gatehouse-io/gatehouse/internal/ui"

// hint says what usually is behind a check that failed, and what to do about it.
func hint(check string) ui.Text {
	switch check {
	case "reachable":
		return ui.T("The provider does not answer from here: look at the address, the network and its certificate.")
	case "metadata_issuer", "metadata_entity":
		return ui.T("The issuer here is not the one that the provider's metadata names: compare them, to the last slash.")
	case "metadata", "metadata_key", "metadata_expired", "metadata_stale", "metadata_role", "metadata_endpoint", "metadata_endpoints":
		return ui.T("The provider's metadata cannot be used as it is: get it anew from the provider.")
	case "token_response":
		return ui.T("The provider did not take the code: most often the client secret is wrong or has expired.")
	case "provider_answer", "status":
		return ui.T("The provider refused by itself: it says why, and only there it can be changed, such as by assigning the person to the application.")
	case "algorithm", "signature_algorithm", "digest_algorithm":
		return ui.T("The provider signs with an algorithm that is not allowed here: change it there, or allow it in algorithms.")
	case "key", "signature_key", "certificate_time":
		return ui.T("The provider signs with a key that it does not publish: it may have changed its key, and the metadata here is the old one.")
	case "signature", "signature_mismatch", "digest_mismatch":
		return ui.T("What came was changed on its way, or is of somebody else.")
	case "assertion_unsigned", "envelope_unsigned", "unsigned":
		return ui.T("The provider does not sign what must be signed here: change there what it signs.")
	case "encrypted":
		return ui.T("The provider does not encrypt, and must: give it our metadata anew.")
	case "issuer":
		return ui.T("Somebody else than the configured provider issued it: compare the issuer here with what came.")
	case "audience":
		return ui.T("It was issued for another application: compare the client id, or our entity id, with the one at the provider.")
	case "destination", "recipient":
		return ui.T("It was meant for another address: compare our assertion consumer service with the one at the provider.")
	case "expiry", "not_on_or_after", "confirmation_expired":
		return ui.T("It came too late, or one of the clocks is wrong.")
	case "issued_at", "not_before", "issue_instant":
		return ui.T("One of the clocks is wrong: the provider's or ours.")
	case "nonce", "in_response_to", "replayed":
		return ui.T("It answers another sign-in: somebody went back in the browser, or repeats an old answer.")
	case "login_flow":
		return ui.T("The browser lost the sign-in: it took over ten minutes, went back, was begun in another browser, or cookies are blocked.")
	case "unsolicited":
		return ui.T("The provider began the sign-in by itself, which this connection does not allow.")
	case "name_id_format", "name_id_transient":
		return ui.T("The provider names people in another way than was agreed: change the format of names here or there.")
	case "claim_rule":
		return ui.T("A claim rule failed: the claim that it reads is not there, or is of another type.")
	case "person_disabled":
		return ui.T("The person is disabled here.")
	case "connection_disabled":
		return ui.T("The connection is disabled here.")
	}
	return ui.Text{}
}
