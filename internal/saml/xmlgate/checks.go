package xmlgate

import "github.com/gatehouse-io/gatehouse/internal/fault"

// checks names every check there is, with the kind of the fault it refuses with:
// Invalid for a document that should never have been sent, Denied for one that is
// well made and does not prove what it should, Internal for a mistake of ours.
var checks = map[string]fault.Kind{
	// Limits.
	"saml_empty":      fault.Invalid,
	"saml_size":       fault.Invalid,
	"saml_depth":      fault.Invalid,
	"saml_elements":   fault.Invalid,
	"saml_attributes": fault.Invalid,
	"saml_namespaces": fault.Invalid,

	// XML.
	"saml_xml":                    fault.Invalid,
	"saml_encoding":               fault.Invalid,
	"saml_doctype":                fault.Invalid,
	"saml_processing_instruction": fault.Invalid,
	"saml_cdata":                  fault.Invalid,
	"saml_comment":                fault.Invalid,
	"saml_character_reference":    fault.Invalid,
	"saml_mixed_content":          fault.Invalid,
	"saml_name":                   fault.Invalid,
	"saml_namespace":              fault.Invalid,
	"saml_prefix_undeclared":      fault.Invalid,
	"saml_attribute_twice":        fault.Invalid,
	"saml_attribute_namespace":    fault.Invalid,
	"saml_id":                     fault.Invalid,
	"saml_id_namespaced":          fault.Invalid,
	"saml_id_twice":               fault.Invalid,

	// Shape.
	"saml_root":                fault.Invalid,
	"saml_version":             fault.Invalid,
	"saml_id_missing":          fault.Invalid,
	"saml_assertion_count":     fault.Invalid,
	"saml_assertion_path":      fault.Invalid,
	"saml_assertion_namespace": fault.Invalid,
	"saml_signature_count":     fault.Invalid,
	"saml_signature_path":      fault.Invalid,
	"saml_signature_place":     fault.Invalid,
	"saml_signature_namespace": fault.Invalid,
	"saml_signature_object":    fault.Invalid,
	"saml_signature_embedded":  fault.Invalid,
	"saml_signed_info_count":   fault.Invalid,
	"saml_reference_count":     fault.Invalid,
	"saml_element_unknown":     fault.Invalid,
	"saml_element_missing":     fault.Invalid,
	"saml_element_twice":       fault.Invalid,
	"saml_element_hidden":      fault.Invalid,

	// The redirect binding.
	"saml_binding": fault.Invalid,
	"saml_query":   fault.Invalid,
	"saml_base64":  fault.Invalid,
	"saml_deflate": fault.Invalid,

	// Signature.
	"saml_unsigned":            fault.Denied,
	"saml_assertion_unsigned":  fault.Denied,
	"saml_canonicalization":    fault.Denied,
	"saml_transforms":          fault.Denied,
	"saml_prefix_list":         fault.Denied,
	"saml_reference_uri":       fault.Denied,
	"saml_signature_algorithm": fault.Denied,
	"saml_digest_algorithm":    fault.Denied,
	"saml_digest_value":        fault.Denied,
	"saml_signature_value":     fault.Denied,
	"saml_signature_invalid":   fault.Denied,
	"saml_digest_mismatch":     fault.Denied,
	"saml_certificates":        fault.Denied,
	"saml_certificate_time":    fault.Denied,
	"saml_key_size":            fault.Denied,
	"saml_key_type":            fault.Denied,

	// Encryption.
	"saml_decryption_key":      fault.Denied,
	"saml_encrypted_type":      fault.Denied,
	"saml_encrypted_key_count": fault.Denied,
	"saml_key_transport":       fault.Denied,
	"saml_oaep":                fault.Denied,
	"saml_block_cipher":        fault.Denied,
	"saml_cipher_value":        fault.Denied,
	"saml_decrypt":             fault.Denied,

	// What the document says.
	"saml_status": fault.Denied,

	// Ours.
	"saml_want":  fault.Internal,
	"saml_panic": fault.Internal,
}
