package nexmark

import (
	"math"
	"math/bits"
)

// The proportions, skews and id ranges of the standard generator.
const (
	perEpoch       = 50 // events in one round: 1 person, 3 auctions, 46 bids
	personShare    = 1
	auctionShare   = 3
	firstAuctionID = 1000
	firstPersonID  = 1000
	firstCategory  = 10
	categories     = 5
	inFlight       = 100  // auctions open at a time
	activePersons  = 1000 // persons that sell and bid at a time
	auctionLead    = 10   // bids may name auctions that do not exist yet
	personLead     = 10
	hotStride      = 100 // a hot auction, seller or bidder serves this many ids
)

// generator holds what is the same for all events.
type generator struct {
	baseMicros int64
	gapNanos   int64 // event time between consecutive events
}

func (g *generator) micros(n int64) int64 { return g.baseMicros + n*g.gapNanos/1000 }

// Every draw has a salt of its own, so that columns are independent of each other.
const (
	saltHotAuction = iota + 1
	saltAuction
	saltHotBidder
	saltBidder
	saltPrice
	saltChannel
	saltColdChannel
	saltExtra
	saltName
	saltSurname
	saltEmail
	saltCard
	saltCity
	saltState
	saltItem
	saltDescription
	saltReserve
	saltExpires
	saltHotSeller
	saltSeller
	saltCategory
)

// draw returns 64 random bits for event n.
func draw(n int64, salt uint64) uint64 {
	x := uint64(n)*0x9e3779b97f4a7c15 + salt*0xd1342543de82ef95
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// below maps random bits to 0 … n-1.
func below(r uint64, n int64) int64 {
	hi, _ := bits.Mul64(r, uint64(n))
	return int64(hi)
}

// lastPerson returns the number of the last person at event n.
func lastPerson(n int64) int64 { return n / perEpoch }

// lastAuction returns the number of the last auction at event n.
func lastAuction(n int64) int64 {
	epoch, rem := n/perEpoch, n%perEpoch
	switch {
	case rem < personShare:
		return max(epoch*auctionShare-1, 0)
	case rem < personShare+auctionShare:
		return epoch*auctionShare + rem - personShare
	default:
		return epoch*auctionShare + auctionShare - 1
	}
}

// somePerson draws one of the active persons, or one that comes soon.
func somePerson(n int64, r uint64) int64 {
	persons := lastPerson(n) + 1
	active := min(persons, activePersons)
	return persons - active + below(r, active+personLead)
}

// someAuction draws one of the open auctions, or one that comes soon.
func someAuction(n int64, r uint64) int64 {
	last := lastAuction(n)
	first := max(last-inFlight, 0)
	return first + below(r, last-first+1+auctionLead)
}

func auctionID(n int64) int64 { return lastAuction(n) + firstAuctionID }
func personID(n int64) int64  { return lastPerson(n) + firstPersonID }

// bidAuction: every second bid goes to the hot auction.
func bidAuction(n int64) int64 {
	if draw(n, saltHotAuction)&1 != 0 {
		return lastAuction(n)/hotStride*hotStride + firstAuctionID
	}
	return someAuction(n, draw(n, saltAuction)) + firstAuctionID
}

// bidder: three bids of four come from the hot bidder.
func bidder(n int64) int64 {
	if draw(n, saltHotBidder)&3 != 0 {
		return lastPerson(n)/hotStride*hotStride + 1 + firstPersonID
	}
	return somePerson(n, draw(n, saltBidder)) + firstPersonID
}

// seller: three auctions of four come from the hot seller.
func seller(n int64) int64 {
	if draw(n, saltHotSeller)&3 != 0 {
		return lastPerson(n)/hotStride*hotStride + firstPersonID
	}
	return somePerson(n, draw(n, saltSeller)) + firstPersonID
}

func category(n int64) int64 { return firstCategory + below(draw(n, saltCategory), categories) }

func bidPrice(n int64) int64   { return price(draw(n, saltPrice)) }
func initialBid(n int64) int64 { return price(draw(n, saltPrice)) }
func reserve(n int64) int64    { return initialBid(n) + price(draw(n, saltReserve)) }

const priceBits = 10

var prices = func() (t [1<<priceBits + 1]int64) {
	for i := range t {
		t[i] = int64(math.Round(math.Pow(10, 6*float64(i)/(1<<priceBits)) * 100))
	}
	return t
}()

// price is round(10^(6u)·100) for uniform u: 100 to 100,000,000, equally likely per decade. It
// interpolates a table, in whole numbers, so that it is the same on every machine.
func price(r uint64) int64 {
	i := r >> (64 - priceBits)
	frac := int64(r >> (64 - priceBits - 16) & 0xffff)
	return prices[i] + (prices[i+1]-prices[i])*frac>>16
}

// expires gives an auction a life of up to twice the time in which a full set of auctions opens.
func (g *generator) expires(n int64) int64 {
	const events = inFlight * perEpoch / auctionShare
	horizonMillis := (g.micros(n+events) - g.micros(n)) / 1000
	return g.micros(n) + (1+below(draw(n, saltExpires), max(horizonMillis*2, 1)))*1000
}
