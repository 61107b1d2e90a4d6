package redact

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"math/bits"
	"strings"
)

const (
	// wanted is how many characters of a secret are an echo of it.
	wanted = 16
	// gram is how many characters are looked up at once. Any wanted characters hold a gram at a multiple of its length.
	gram = 8
	// maxSecret bounds, in bytes, what of a secret is sought: far more than any token has.
	maxSecret = 32 << 10
	// tries bounds the places in which one gram is compared, so that a secret that repeats itself costs no more time.
	tries = 8
)

// echoes finds secrets in a text, in each form that a service can echo them in. Its zero value knows none.
type echoes struct {
	secrets []string
	forms   []form
	// heads and next are a hash table with chains: the grams of all forms by their hash. 0 ends a chain.
	heads []int32
	next  []int32
	grams []place
}

// A form is one of the ways in which a secret is written, in canonical characters.
type form struct {
	text []byte
	need int // characters that count as an echo
}

// A place is where a gram stands.
type place struct {
	gram     uint64
	form, at int32
}

func echoesOf(secrets []string) echoes {
	var e echoes
	for _, secret := range secrets {
		e.add(strings.TrimSpace(secret))
	}
	e.index()
	return e
}

func (e *echoes) add(secret string) {
	if len(secret) < gram { // less is no secret, and taking it out would garble the text
		return
	}
	secret = secret[:min(len(secret), maxSecret)]
	e.secrets = append(e.secrets, secret)
	e.addForm(canonical(secret).text)
	for before := range 3 {
		e.addForm(base64Within([]byte(secret), before))
	}
	digits := hex.EncodeToString([]byte(secret))
	e.addForm([]byte(digits))
	e.addForm([]byte(strings.ToUpper(digits)))
}

func (e *echoes) addForm(text []byte) {
	if len(text) >= gram {
		e.forms = append(e.forms, form{text, min(wanted, len(text))})
	}
}

// base64Within returns what is certain of a secret's base64 when it begins as many bytes after a multiple of 3.
func base64Within(secret []byte, before int) []byte {
	encoded := base64.RawURLEncoding.EncodeToString(append(make([]byte, before, before+len(secret)), secret...))
	return []byte(encoded[(before*8+5)/6 : (before+len(secret))*8/6])
}

func (e *echoes) index() {
	count := 1
	for _, form := range e.forms {
		count += len(form.text) / gram
	}
	e.grams = make([]place, 1, count)
	for i, form := range e.forms {
		for at := 0; at+gram <= len(form.text); at += gram {
			e.grams = append(e.grams, place{binary.LittleEndian.Uint64(form.text[at:]), int32(i), int32(at)})
		}
	}
	e.heads = make([]int32, 1<<bits.Len(uint(len(e.grams))))
	e.next = make([]int32, len(e.grams))
	for i := len(e.grams) - 1; i > 0; i-- {
		hash := e.hash(e.grams[i].gram)
		e.next[i], e.heads[hash] = e.heads[hash], int32(i)
	}
}

func (e *echoes) hash(gram uint64) int {
	return int(gram * 0x9E3779B97F4A7C15 >> (64 - bits.Len(uint(len(e.heads)-1))))
}

// without takes the secrets and all JWTs out of text.
func (e *echoes) without(text string) string {
	for _, secret := range e.secrets { // one that looks like an escape is another text by its canonical characters
		text = strings.ReplaceAll(text, secret, redacted)
	}
	if len(e.forms) == 0 {
		return withoutJWTs(text)
	}
	var b strings.Builder
	from := 0
	heard := canonical(text)
	for i := 0; i+gram <= len(heard.text); {
		begin, end := e.match(heard.text, i)
		if end == 0 {
			i++
			continue
		}
		if start := heard.starts(begin); start >= from { // an escape belongs to what it was first found in
			b.WriteString(text[from:start])
			b.WriteString(redacted)
		}
		from = heard.ends(end - 1)
		i = end
	}
	b.WriteString(text[from:])
	return withoutJWTs(b.String())
}

// match returns the longest echo whose first gram at a multiple of its length stands at i; 0, 0 for none.
func (e *echoes) match(text []byte, i int) (begin, end int) {
	sought := binary.LittleEndian.Uint64(text[i:])
	compared := 0
	for n := e.heads[e.hash(sought)]; n != 0 && compared < tries; n = e.next[n] {
		if p := e.grams[n]; p.gram == sought {
			compared++
			form := e.forms[p.form]
			b, f := e.widen(text, i, form.text, int(p.at))
			if f-b >= form.need && f-b > end-begin {
				begin, end = b, f
			}
		}
	}
	return begin, end
}

// widen returns how far text around i equals form around at.
func (e *echoes) widen(text []byte, i int, form []byte, at int) (begin, end int) {
	before := 0
	for before < gram-1 && before < i && before < at && text[i-before-1] == form[at-before-1] {
		before++
	}
	behind := gram
	for i+behind < len(text) && at+behind < len(form) && text[i+behind] == form[at+behind] {
		behind++
	}
	return i - before, i + behind
}
