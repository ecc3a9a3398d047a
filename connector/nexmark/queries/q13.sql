-- Join with a bounded side input of ten thousand rows.
SELECT b.auction, b.bidder, b.price, b.date_time, s.value
FROM bid AS b
JOIN (SELECT g AS key, 'value ' || g AS value FROM generate_series(0, 9999) AS g) AS s ON b.auction % 10000 = s.key
