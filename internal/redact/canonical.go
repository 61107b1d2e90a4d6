package redact

import (
	"bytes"
	"strconv"
	"strings"
)

// nested is how many escapings within one another are undone.
const nested = 3

// A heard text is what a text says once escapes are undone and white space is left out, in the characters of base64url.
// Each of its characters knows which bytes of the text it came from.
type heard struct {
	text []byte
	from []span
}

type span struct{ start, end int32 }

func (h heard) starts(i int) int { return int(h.from[i].start) }
func (h heard) ends(i int) int   { return int(h.from[i].end) }

func canonical(text string) heard {
	h := heard{make([]byte, 0, len(text)), make([]span, 0, len(text))}
	for i := range len(text) {
		if c := text[i]; c > ' ' {
			h.text = append(h.text, c)
			h.from = append(h.from, span{int32(i), int32(i + 1)})
		}
	}
	for n := 0; n < nested && h.unescape(); n++ {
	}
	for i, c := range h.text {
		switch c {
		case '+':
			h.text[i] = '-'
		case '/':
			h.text[i] = '_'
		}
	}
	return h
}

// unescape undoes one level of escapes, in place, and tells whether there were any.
func (h *heard) unescape() bool {
	to, found := 0, false
	for i := 0; i < len(h.text); to++ {
		c, size := h.text[i], 1
		if c == '%' || c == '\\' || c == '&' {
			if meant, n := escape(h.text[i:]); n > 0 {
				c, size, found = meant, n, true
			}
		}
		h.text[to], h.from[to] = c, span{h.from[i].start, h.from[i+size-1].end}
		i += size
	}
	h.text, h.from = h.text[:to], h.from[:to]
	return found
}

// escape returns the ASCII character that text begins with an escape of, and the escape's length; 0, 0 for none.
func escape(text []byte) (byte, int) {
	switch {
	case text[0] == '%' && len(text) >= 3:
		return hexadecimal(text[1:3], 3)
	case text[0] == '&':
		return characterReference(text)
	case text[0] != '\\' || len(text) < 2:
		return 0, 0
	case text[1] == 'u' && len(text) >= 6 && text[2] == '0' && text[3] == '0':
		return hexadecimal(text[4:6], 6)
	case text[1] == 'x' && len(text) >= 4:
		return hexadecimal(text[2:4], 4)
	case text[1] == '/' || text[1] == '\\' || text[1] == '"':
		return text[1], 2
	}
	return 0, 0
}

func hexadecimal(digits []byte, size int) (byte, int) {
	c, err := strconv.ParseUint(string(digits), 16, 64)
	if err != nil || c <= ' ' || c > '~' {
		return 0, 0
	}
	return byte(c), size
}

// characterReference undoes HTML's &#45;, &#x2d; and &amp;.
func characterReference(text []byte) (byte, int) {
	for name, c := range map[string]byte{"&amp;": '&', "&lt;": '<', "&gt;": '>', "&quot;": '"'} {
		if bytes.HasPrefix(text, []byte(name)) {
			return c, len(name)
		}
	}
	end := 4                                                                               // what is printed has two digits at least
	for end < len(text) && strings.IndexByte("0123456789abcdefABCDEFxX", text[end]) >= 0 { // any number of zeros, as browsers have it
		end++
	}
	if end >= len(text) || text[1] != '#' || text[end] != ';' {
		return 0, 0
	}
	digits, base := text[2:end], 10
	if digits[0] == 'x' || digits[0] == 'X' {
		digits, base = digits[1:], 16
	}
	c, err := strconv.ParseUint(string(digits), base, 64)
	if err != nil || c <= ' ' || c > '~' {
		return 0, 0
	}
	return byte(c), end + 1
}
