package acceptance_test

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// As much of AMQP 1.0's type system as performatives need, see
// https://docs.oasis-open.org/amqp/core/v1.0/os/amqp-core-types-v1.0-os.html. Messages are go-amqp's to read and write.

// described is a composite type, a list under the code of its descriptor.
type described struct {
	code   uint64
	fields []any
}

type symbol string

// field is nil where the list is too short: trailing nulls may be left out.
func (d described) field(i int) any {
	if i >= len(d.fields) {
		return nil
	}
	return d.fields[i]
}

func (d described) number(i int) uint32 {
	n, _ := d.field(i).(uint64)
	return uint32(n)
}

// mode is a settlement mode; the second argument is what absence means.
func (d described) mode(i int, absent uint8) uint8 {
	n, ok := d.field(i).(uint64)
	if !ok {
		return absent
	}
	return uint8(n)
}

func (d described) text(i int) string {
	s, _ := d.field(i).(string)
	return s
}

func (d described) boolean(i int) bool {
	b, _ := d.field(i).(bool)
	return b
}

func appendValue(b []byte, value any) []byte {
	switch v := value.(type) {
	case nil:
		return append(b, 0x40)
	case bool:
		if v {
			return append(b, 0x41)
		}
		return append(b, 0x42)
	case uint8:
		return append(b, 0x50, v)
	case uint16:
		return binary.BigEndian.AppendUint16(append(b, 0x60), v)
	case uint32:
		return binary.BigEndian.AppendUint32(append(b, 0x70), v)
	case uint64:
		return binary.BigEndian.AppendUint64(append(b, 0x80), v)
	case []byte:
		return appendSized(append(b, 0xb0), v)
	case string:
		return appendSized(append(b, 0xb1), []byte(v))
	case symbol:
		return appendSized(append(b, 0xb3), []byte(v))
	case described:
		return appendList(append(b, 0, 0x53, byte(v.code)), v.fields) // a small ulong
	}
	panic(fmt.Sprintf("no encoding for %T", value)) // the broker's own values only
}

func appendSized(b, data []byte) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(data))), data...)
}

func appendList(b []byte, items []any) []byte {
	body := binary.BigEndian.AppendUint32(nil, uint32(len(items)))
	for _, item := range items {
		body = appendValue(body, item)
	}
	return appendSized(append(b, 0xd0), body)
}

var errShort = errors.New("AMQP: value ends early")

// decoder reads values off the front of its bytes.
type decoder struct {
	rest []byte
	err  error
}

func (d *decoder) take(n uint64) []byte {
	if uint64(len(d.rest)) < n {
		d.err, d.rest = errShort, nil
		return nil
	}
	taken := d.rest[:n]
	d.rest = d.rest[n:]
	return taken
}

func (d *decoder) unsigned(width uint64) (n uint64) {
	for _, b := range d.take(width) {
		n = n<<8 | uint64(b)
	}
	return n
}

// value decodes by the category that a constructor's upper half tells. All numbers are unsigned ones, symbols are
// strings, maps are lists, and arrays, which nothing here reads, are nil.
func (d *decoder) value() any {
	code := d.unsigned(1)
	if code == 0 {
		descriptor, _ := d.value().(uint64)
		fields, _ := d.value().([]any)
		return described{descriptor, fields}
	}
	switch code >> 4 {
	case 0x4:
		return constants[code]
	case 0x5, 0x6, 0x7, 0x8:
		n := d.unsigned(1 << (code>>4 - 5))
		if code == 0x56 {
			return n == 1
		}
		return n
	case 0x9:
		return d.take(16)
	case 0xa, 0xb:
		data := d.take(d.unsigned(sizeWidth(code)))
		if code&0xf == 0 {
			return data
		}
		return string(data)
	case 0xc, 0xd:
		return d.list(sizeWidth(code))
	case 0xe, 0xf:
		d.take(d.unsigned(sizeWidth(code)))
		return nil
	}
	d.err = fmt.Errorf("AMQP: unknown constructor %#x", code)
	return nil
}

var constants = map[uint64]any{0x40: nil, 0x41: true, 0x42: false, 0x43: uint64(0), 0x44: uint64(0), 0x45: []any{}}

// sizeWidth: of each pair of categories the second has sizes of four bytes.
func sizeWidth(code uint64) uint64 {
	if code>>4&1 == 0 {
		return 1
	}
	return 4
}

func (d *decoder) list(width uint64) []any {
	inner := decoder{rest: d.take(d.unsigned(width))}
	count := inner.unsigned(width)
	var items []any
	for ; count > 0 && inner.err == nil; count-- {
		items = append(items, inner.value())
	}
	d.err = errors.Join(d.err, inner.err)
	return items
}
