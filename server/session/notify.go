package session

import (
	"tidemill/server/pgwire"
	"tidemill/sql/ast"
	"tidemill/sql/sqlerr"
)

// listen is LISTEN, UNLISTEN and NOTIFY. Notifications go out when the transaction ends.
func (s *Session) listen(x *ast.Listen) (string, error) {
	switch x.Kind {
	case "listen":
		s.m.mu.Lock()
		defer s.m.mu.Unlock()
		if s.m.channels[x.Channel] == nil {
			s.m.channels[x.Channel] = map[*Session]bool{}
		}
		s.m.channels[x.Channel][s] = true
		return "LISTEN", nil
	case "unlisten":
		s.m.unlisten(s, x.Channel)
		return "UNLISTEN", nil
	}
	if len(x.Payload) >= 8000 {
		return "", sqlerr.New(sqlerr.InvalidParameterValue, "payload string too long")
	}
	s.block.notify = append(s.block.notify, pgwire.Notification{PID: s.pid, Channel: x.Channel, Payload: x.Payload})
	if !s.block.open && !s.block.implicit {
		s.sendNotifications()
	}
	return "NOTIFY", nil
}

// unlisten forgets a channel, "" all of them.
func (m *Manager) unlisten(s *Session, channel string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for name, set := range m.channels {
		if channel == "" || name == channel {
			delete(set, s)
		}
		if len(set) == 0 {
			delete(m.channels, name)
		}
	}
}

// sendNotifications hands out what the transaction has notified, each message once.
func (s *Session) sendNotifications() {
	list := s.block.notify
	s.block.notify = nil
	if len(list) == 0 {
		return
	}
	seen := map[pgwire.Notification]bool{}
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	for _, n := range list {
		if seen[n] {
			continue
		}
		seen[n] = true
		for other := range s.m.channels[n.Channel] {
			if other.conn != nil {
				other.conn.Notify(n)
			}
		}
	}
}
