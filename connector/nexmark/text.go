package nexmark

import (
	"strconv"
	"sync"
)

var (
	states     = []string{"AZ", "CA", "ID", "OR", "WA", "WY"}
	cities     = []string{"Phoenix", "Los Angeles", "San Francisco", "Boise", "Portland", "Bend", "Redmond", "Seattle", "Kent", "Cheyenne"}
	firstNames = []string{"Peter", "Paul", "Luke", "John", "Saul", "Vicky", "Kate", "Julie", "Sarah", "Deiter", "Walter"}
	lastNames  = []string{"Shultz", "Abrams", "Spencer", "White", "Bartels", "Walton", "Smith", "Jones", "Noris"}
	hotNames   = []string{"Google", "Facebook", "Baidu", "Apple"}
)

const (
	channels  = 10_000 // channels that are not hot
	lettersSz = 1 << 16
	longest   = 1 << 10 // no text field is longer
)

// letters is the random text that all text fields are cut from.
var letters = func() []byte {
	out := make([]byte, lettersSz+longest)
	for i := range out {
		out[i] = 'a' + byte(below(draw(int64(i), 0), 26))
	}
	return out
}()

// cut returns length letters chosen by r.
func cut(r uint64, length int64) []byte {
	at := r & (lettersSz - 1)
	return letters[at : at+uint64(length)]
}

// word appends 3 to max letters chosen by r.
func word(dst []byte, r uint64, max int64) []byte {
	return append(dst, cut(r, 3+below(r<<16|r>>48, max-2))...)
}

// padding appends the extra field: what brings a record of size bytes to about want bytes ±20 %.
func padding(dst []byte, n, size, want int64) []byte {
	want -= size
	delta := (want + 2) / 5
	r := draw(n, saltExtra)
	return append(dst, cut(r, want-delta+below(r<<16|r>>48, 2*delta))...)
}

type channel struct{ name, url string }

// hot and cold channels, made on first use.
var channelTable = sync.OnceValue(func() []channel {
	out := make([]channel, 0, len(hotNames)+channels)
	for i, name := range hotNames {
		out = append(out, channel{name, string(baseURL(nil, int64(i)))})
	}
	for i := range int64(channels) {
		url := baseURL(nil, i+100)
		if r := draw(i, saltColdChannel); below(r, 10) > 0 {
			url = append(url, "&channel_id="...)
			url = strconv.AppendInt(url, int64(r>>33), 10)
		}
		out = append(out, channel{"channel-" + strconv.FormatInt(i, 10), string(url)})
	}
	return out
})

func baseURL(dst []byte, i int64) []byte {
	dst = append(dst, "https://www.nexmark.com"...)
	for part := range uint64(3) {
		dst = append(dst, '/')
		dst = append(dst, cut(draw(i, 1000+part), 5)...)
	}
	return append(dst, "/item.htm?query=1"...)
}

// channelOf: every second bid comes over one of the four hot channels.
func channelOf(table []channel, n int64) *channel {
	r := draw(n, saltChannel)
	if r&1 != 0 {
		return &table[r>>1&3]
	}
	return &table[len(hotNames)+int(below(draw(n, saltColdChannel), channels))]
}

func appendName(dst []byte, n int64) []byte {
	dst = append(dst, firstNames[below(draw(n, saltName), int64(len(firstNames)))]...)
	dst = append(dst, ' ')
	return append(dst, lastNames[below(draw(n, saltSurname), int64(len(lastNames)))]...)
}

func appendEmail(dst []byte, n int64) []byte {
	r := draw(n, saltEmail)
	dst = word(dst, r, 7)
	dst = append(dst, '@')
	dst = word(dst, r>>20, 5)
	return append(dst, ".com"...)
}

func appendCard(dst []byte, n int64) []byte {
	r := draw(n, saltCard)
	for i := range 4 {
		if i > 0 {
			dst = append(dst, ' ')
		}
		four := below(r, 10_000)
		r = r<<16 | r>>48
		dst = append(dst, byte('0'+four/1000), byte('0'+four/100%10), byte('0'+four/10%10), byte('0'+four%10))
	}
	return dst
}
