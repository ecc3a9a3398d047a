package auth

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"github.com/xdg-go/scram"

	"tidemill/sql/sqlerr"
)

// DefaultIterations is the number of hash iterations of new verifiers; MinIterations is the least
// that a verifier given by a client may have.
const (
	DefaultIterations = 15000
	MinIterations     = 4096
)

const (
	mechanism     = "SCRAM-SHA-256"
	mechanismPlus = "SCRAM-SHA-256-PLUS"
	saltLen       = 16
	keyLen        = 32
)

// verifier is a SCRAM-SHA-256 verifier in its parts.
type verifier struct {
	Iterations           int
	Salt                 []byte
	StoredKey, ServerKey []byte
}

// Verifier is MakeVerifier with the default number of iterations.
func Verifier(password string) (string, error) { return MakeVerifier(password, 0) }

// MakeVerifier returns what a role stores for the password, in Postgres's text form. A password that
// is such a text already (psql's \password sends that) is kept as it is. iterations 0 means
// DefaultIterations.
func MakeVerifier(password string, iterations int) (string, error) {
	if strings.HasPrefix(password, mechanism+"$") {
		v, err := parseVerifier(password)
		if err == nil && v.Iterations < MinIterations {
			return "", sqlerr.New(sqlerr.InvalidParameterValue, "a SCRAM verifier needs at least %d iterations", MinIterations)
		}
		return password, err
	}
	if isMD5(password) {
		return "", sqlerr.Unsupported("MD5 passwords are not supported").
			WithHint("Give the password itself or a SCRAM-SHA-256 verifier.")
	}
	if password == "" {
		return "", sqlerr.New(sqlerr.InvalidParameterValue, "a password cannot be empty")
	}
	if iterations == 0 {
		iterations = DefaultIterations
	}
	salt := make([]byte, saltLen)
	rand.Read(salt) //nolint:errcheck // never fails
	v, err := derive(password, salt, iterations)
	if err != nil {
		return "", err
	}
	return v.String(), nil
}

func isMD5(s string) bool {
	return len(s) == 35 && strings.HasPrefix(s, "md5") && strings.Trim(s[3:], "0123456789abcdef") == ""
}

// derive computes the verifier of a password. A password that SASLprep refuses is used as it is, as
// in Postgres and libpq.
func derive(password string, salt []byte, iterations int) (*verifier, error) {
	client, err := scram.SHA256.NewClient("", password, "")
	if err != nil {
		if client, err = scram.SHA256.NewClientUnprepped("", password, ""); err != nil {
			return nil, fmt.Errorf("scram: %w", err)
		}
	}
	c, err := client.GetStoredCredentialsWithError(scram.KeyFactors{Salt: string(salt), Iters: iterations})
	if err != nil {
		return nil, fmt.Errorf("scram: %w", err)
	}
	return &verifier{Iterations: iterations, Salt: salt, StoredKey: c.StoredKey, ServerKey: c.ServerKey}, nil
}

// String returns SCRAM-SHA-256$iterations:salt$storedkey:serverkey.
func (v *verifier) String() string {
	b64 := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("%s$%d:%s$%s:%s", mechanism, v.Iterations, b64(v.Salt), b64(v.StoredKey), b64(v.ServerKey))
}

// parseVerifier reads the text form.
func parseVerifier(s string) (*verifier, error) {
	bad := sqlerr.New(sqlerr.InvalidParameterValue, "invalid SCRAM-SHA-256 verifier")
	parts := strings.Split(s, "$")
	if len(parts) != 3 || parts[0] != mechanism {
		return nil, bad
	}
	iter, salt, ok1 := strings.Cut(parts[1], ":")
	stored, server, ok2 := strings.Cut(parts[2], ":")
	if !ok1 || !ok2 {
		return nil, bad
	}
	v := &verifier{}
	var err error
	if v.Iterations, err = strconv.Atoi(iter); err != nil || v.Iterations < 1 {
		return nil, bad
	}
	for _, f := range []struct {
		text string
		dst  *[]byte
		n    int
	}{{salt, &v.Salt, 0}, {stored, &v.StoredKey, keyLen}, {server, &v.ServerKey, keyLen}} {
		b, err := base64.StdEncoding.DecodeString(f.text)
		if err != nil || f.n != 0 && len(b) != f.n || len(b) == 0 {
			return nil, bad
		}
		*f.dst = b
	}
	return v, nil
}
