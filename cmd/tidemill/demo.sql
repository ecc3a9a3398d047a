CREATE SOURCE bid WITH (connector = 'nexmark', nexmark.table.type = 'Bid', rate = '5000', nexmark.base.time = 'now');
CREATE SOURCE auction WITH (connector = 'nexmark', nexmark.table.type = 'Auction', rate = '5000', nexmark.base.time = 'now');
CREATE SOURCE person WITH (connector = 'nexmark', nexmark.table.type = 'Person', rate = '5000', nexmark.base.time = 'now');

CREATE MATERIALIZED VIEW bids_per_second AS
SELECT window_start, count(*) AS bids, sum(price) AS volume, max(price) AS top_price
FROM TUMBLE(bid, date_time, INTERVAL '1 second')
GROUP BY window_start;

CREATE MATERIALIZED VIEW hot_auctions AS
SELECT auction, count(*) AS bids, max(price) AS highest_bid
FROM bid
GROUP BY auction
ORDER BY bids DESC, auction
LIMIT 10;

CREATE MATERIALIZED VIEW auctions_by_state AS
SELECT p.state, count(DISTINCT p.id) AS sellers, count(*) AS auctions
FROM auction a JOIN person p ON a.seller = p.id
GROUP BY p.state;

CREATE MATERIALIZED VIEW busy_states AS
SELECT state, auctions FROM auctions_by_state WHERE auctions > 100;
