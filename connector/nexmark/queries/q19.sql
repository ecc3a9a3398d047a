-- Ten highest bids of each auction, the earlier of equal ones first.
SELECT *
FROM (
  SELECT *, row_number() OVER (PARTITION BY auction ORDER BY price DESC, date_time) AS place FROM bid
) AS b
WHERE place <= 10
