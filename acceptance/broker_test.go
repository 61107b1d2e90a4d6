package acceptance_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/Azure/go-amqp"

	"github.com/azoidc/azoidc/azoidctest"
)

// A broker takes messages as Service Bus and Event Hubs do: over AMQP 1.0, from who has put an access token on the link
// $cbs before, see https://learn.microsoft.com/azure/service-bus-messaging/service-bus-amqp-protocol-guide. It knows no
// queues and delivers nothing. The service judges the token, when it's put and again for every message.
type broker struct {
	network *network
	service *azoidctest.Service
	host    string
}

// The performatives and types, by descriptor.
const (
	amqpOpen        = 0x10
	amqpBegin       = 0x11
	amqpAttach      = 0x12
	amqpFlow        = 0x13
	amqpTransfer    = 0x14
	amqpDisposition = 0x15
	amqpDetach      = 0x16
	amqpEnd         = 0x17
	amqpClose       = 0x18
	amqpError       = 0x1d
	amqpAccepted    = 0x24
	amqpSource      = 0x28
	amqpTarget      = 0x29
	saslMechanisms  = 0x40
	saslOutcome     = 0x44
)

const (
	cbs       = "$cbs"
	credit    = uint32(1000)
	window    = uint32(1 << 20)
	heartbeat = 20 * time.Second
)

// dial connects to the broker in memory.
func (b *broker) dial() net.Conn {
	client, server := net.Pipe()
	c := &brokerConn{broker: b, conn: server, r: bufio.NewReader(server), links: map[linkID]*brokerLink{}}
	go func() {
		defer func() { _ = server.Close() }()
		_ = c.serve() // the client tells what it makes of the end
	}()
	return client
}

// admits asks the service.
func (b *broker) admits(token string) bool {
	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "https://"+b.host, nil)
	if err != nil {
		return false
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := b.network.forward(b.service, request)
	if err != nil {
		return false
	}
	_ = response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// brokerConn is a client's connection.
type brokerConn struct {
	broker *broker
	conn   net.Conn
	r      *bufio.Reader
	links  map[linkID]*brokerLink
	token  string // that was put
}

type linkID struct {
	channel uint16
	handle  uint32
}

type brokerLink struct {
	address   string
	receiving bool   // the client is
	payload   []byte // of the message that is being transferred
	sent      uint32 // deliveries
}

func (c *brokerConn) serve() error {
	if err := c.greet(); err != nil {
		return err
	}
	for {
		channel, body, err := c.readFrame()
		if err != nil {
			return err
		}
		d := decoder{rest: body}
		performative, _ := d.value().(described)
		if d.err != nil {
			return d.err
		}
		if err := c.handle(channel, performative, d.rest); err != nil {
			return err
		}
		if performative.code == amqpClose {
			return nil
		}
	}
}

// greet negotiates SASL ANONYMOUS: the token comes later.
func (c *brokerConn) greet() error {
	if err := c.echoHeader(); err != nil {
		return err
	}
	if err := c.writeFrame(1, 0, described{saslMechanisms, []any{symbol("ANONYMOUS")}}, nil); err != nil {
		return err
	}
	if _, _, err := c.readFrame(); err != nil {
		return err
	}
	if err := c.writeFrame(1, 0, described{saslOutcome, []any{uint8(0)}}, nil); err != nil {
		return err
	}
	return c.echoHeader()
}

func (c *brokerConn) echoHeader() error {
	header := make([]byte, 8)
	if _, err := io.ReadFull(c.r, header); err != nil {
		return err
	}
	_, err := c.conn.Write(header)
	return err
}

// readFrame reads a frame that isn't empty, and sends empty ones while there is none.
func (c *brokerConn) readFrame() (channel uint16, body []byte, err error) {
	for {
		_ = c.conn.SetReadDeadline(time.Now().Add(heartbeat))
		header, err := c.r.Peek(8)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			if _, err := c.conn.Write([]byte{0, 0, 0, 8, 2, 0, 0, 0}); err != nil {
				return 0, nil, err
			}
			continue
		}
		if err != nil {
			return 0, nil, err
		}
		size, offset, channel := binary.BigEndian.Uint32(header), int(header[4])*4, binary.BigEndian.Uint16(header[6:])
		frame := make([]byte, min(max(size, 8), window))
		if _, err := io.ReadFull(c.r, frame); err != nil {
			return 0, nil, err
		}
		if len(frame) > offset {
			return channel, frame[offset:], nil
		}
	}
}

func (c *brokerConn) writeFrame(kind byte, channel uint16, performative described, payload []byte) error {
	body := append(appendValue(nil, performative), payload...)
	frame := binary.BigEndian.AppendUint32(nil, uint32(8+len(body)))
	frame = append(frame, 2, kind)
	frame = binary.BigEndian.AppendUint16(frame, channel)
	_, err := c.conn.Write(append(frame, body...))
	return err
}

func (c *brokerConn) write(channel uint16, code uint64, fields ...any) error {
	return c.writeFrame(0, channel, described{code, fields}, nil)
}

func (c *brokerConn) handle(channel uint16, p described, payload []byte) error {
	switch p.code {
	case amqpOpen:
		return c.write(channel, amqpOpen, "broker", c.broker.host, window, uint16(1000))
	case amqpBegin:
		return c.write(channel, amqpBegin, channel, uint32(0), window, window, uint32(1000))
	case amqpAttach:
		return c.attach(channel, p)
	case amqpTransfer:
		return c.transfer(channel, p, payload)
	case amqpDetach:
		delete(c.links, linkID{channel, p.number(0)})
		return c.write(channel, amqpDetach, p.number(0), true)
	case amqpEnd, amqpClose:
		return c.write(channel, p.code)
	}
	return nil // flows and dispositions: nothing here waits for them
}

// attach accepts every link, and lets the client send on those where it may.
func (c *brokerConn) attach(channel uint16, p described) error {
	handle, receiving := p.number(1), p.boolean(2)
	source, _ := p.field(5).(described)
	target, _ := p.field(6).(described)
	link := &brokerLink{address: target.text(0), receiving: receiving}
	if receiving {
		link.address = source.text(0)
	}
	c.links[linkID{channel, handle}] = link
	err := c.write(channel, amqpAttach, p.text(0), handle, !receiving, p.mode(3, 2), p.mode(4, 0),
		described{amqpSource, []any{source.text(0)}}, described{amqpTarget, []any{target.text(0)}}, nil, nil, uint32(0), uint64(window))
	if err != nil || receiving {
		return err
	}
	if link.address != cbs && c.token == "" {
		return c.refuse(channel, handle)
	}
	return c.write(channel, amqpFlow, uint32(0), window, uint32(0), window, handle, uint32(0), credit)
}

func (c *brokerConn) refuse(channel uint16, handle uint32) error {
	delete(c.links, linkID{channel, handle})
	return c.write(channel, amqpDetach, handle, true,
		described{amqpError, []any{symbol("amqp:unauthorized-access"), "the token isn't valid, or no more"}})
}

// transfer takes a message, which may come in several frames.
func (c *brokerConn) transfer(channel uint16, p described, payload []byte) error {
	handle, delivery := p.number(0), p.number(1)
	link := c.links[linkID{channel, handle}]
	if link == nil {
		return nil // refused already
	}
	link.payload = append(link.payload, payload...)
	if p.boolean(5) {
		return nil
	}
	var message amqp.Message
	if err := message.UnmarshalBinary(link.payload); err != nil {
		return err
	}
	link.payload = nil
	if link.address != cbs && !c.broker.admits(c.token) {
		return c.refuse(channel, handle)
	}
	if err := c.write(channel, amqpDisposition, true, delivery, delivery, true, described{code: amqpAccepted}); err != nil {
		return err
	}
	if link.address == cbs {
		return c.putToken(channel, &message)
	}
	return nil
}

// putToken answers on the session's link from $cbs.
func (c *brokerConn) putToken(channel uint16, message *amqp.Message) error {
	answer := amqp.Message{
		Properties:            &amqp.MessageProperties{CorrelationID: message.Properties.MessageID},
		ApplicationProperties: map[string]any{"status-code": int32(http.StatusUnauthorized), "status-description": "no token for this service"},
		Value:                 "",
	}
	if token, _ := message.Value.(string); c.broker.admits(token) {
		c.token = token
		answer.ApplicationProperties = map[string]any{"status-code": int32(http.StatusAccepted), "status-description": "Accepted"}
	}
	payload, err := answer.MarshalBinary()
	if err != nil {
		return err
	}
	for id, link := range c.links {
		if id.channel == channel && link.receiving && link.address == cbs {
			number := link.sent
			link.sent++
			return c.writeFrame(0, channel, described{amqpTransfer, []any{id.handle, number, []byte{byte(number)}, uint32(0), true, false}}, payload)
		}
	}
	return errors.New("AMQP: no link for the answer")
}
