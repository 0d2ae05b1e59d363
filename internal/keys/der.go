package keys

import (
	"bytes"
	"errors"
)

// A JWS holds an ECDSA signature as r and s at fixed width (RFC 7518, section 3.4),
// crypto/ecdsa as DER (RFC 3279, section 2.2.3). Both directions are here, since every
// token is signed and verified once and math/big would be most of what that allocates.

var errDER = errors.New("the signature is not the DER of two numbers")

// The tags of DER.
const (
	derSequence = 0x30
	derInteger  = 0x02
)

// derSignature returns r and s, each of half the length of raw, as DER. It is nil for a
// raw of odd length, or one that is too long.
func derSignature(raw []byte) []byte {
	const longest = 2 * 66 // P-521
	if len(raw)%2 != 0 || len(raw) > longest {
		return nil
	}
	body := make([]byte, 0, len(raw)+8)
	body = appendInteger(body, raw[:len(raw)/2])
	body = appendInteger(body, raw[len(raw)/2:])
	out := make([]byte, 0, len(body)+3)
	if len(body) < 0x80 {
		return append(append(out, derSequence, byte(len(body))), body...)
	}
	return append(append(out, derSequence, 0x81, byte(len(body))), body...)
}

// appendInteger appends a number that is not negative.
func appendInteger(der, n []byte) []byte {
	n = bytes.TrimLeft(n, "\x00")
	if len(n) == 0 || n[0] >= 0x80 {
		der = append(der, derInteger, byte(len(n)+1), 0)
	} else {
		der = append(der, derInteger, byte(len(n)))
	}
	return append(der, n...)
}

// rawSignature returns what the DER says as r and s of this width each. It reads what
// crypto/ecdsa writes for P-256.
func rawSignature(der []byte, width int) ([]byte, error) {
	if len(der) < 2 || der[0] != derSequence || int(der[1]) != len(der)-2 || der[1] >= 0x80 {
		return nil, errDER
	}
	out := make([]byte, 2*width)
	r, rest, ok := integer(der[2:])
	s, rest, also := integer(rest)
	if !ok || !also || len(rest) != 0 || len(r) > width || len(s) > width {
		return nil, errDER
	}
	copy(out[width-len(r):], r)
	copy(out[2*width-len(s):], s)
	return out, nil
}

// integer reads a number that is not negative, without the zeros before it.
func integer(der []byte) (n, rest []byte, ok bool) {
	if len(der) < 2 || der[0] != derInteger || der[1] == 0 || der[1] >= 0x80 || len(der) < 2+int(der[1]) {
		return nil, nil, false
	}
	n, rest = der[2:2+der[1]], der[2+der[1]:]
	if n[0] >= 0x80 {
		return nil, nil, false
	}
	return bytes.TrimLeft(n, "\x00"), rest, true
}
