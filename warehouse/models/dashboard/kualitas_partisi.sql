/* ---
description: >-
  Partisi yang dijanjikan kontrak dan apa yang ada, juga yang datang lebih awal: 30 hari terakhir data harian, 12 bulan terakhir data bulanan, dan satu
  partisi untuk yang lain, sejak partisi pertama dataset itu. Ketepatan hanya diukur untuk partisi yang jatuh tempo
  sesudah dataset itu pertama kali ditarik di sini.
grain: Satu baris per dataset dan partisi yang dijanjikan
halaman: kualitas
urutan: 50
judul: Partisi yang dijanjikan
per: per_tanggal
tampil: [judul, partisi, ada, kosong, bermasalah, tepat, diterima, dikarantina]
susun: ["-bermasalah", "-partisi", judul]
columns:
  per_tanggal: {description: Hari (WIB) janji dan isi terakhir dibandingkan., classification: internal}
  instansi: {description: Kode instansi., classification: internal}
  nama: {description: Nama instansi., classification: internal}
  opd: {description: OPD yang bertugas., classification: internal}
  dataset: {description: Dataset., classification: internal}
  judul: {description: Nama dataset., classification: internal}
  butiran: {description: "harian, bulanan, tahunan atau tunggal.", classification: internal}
  partisi: {description: Partisi yang dijanjikan., classification: internal}
  ada: {description: Benar bila ada versi yang diterima atau instansi menjawab kosong., classification: internal}
  kosong: {description: Benar bila instansi menjawab tidak ada data., classification: internal}
  bermasalah: {description: Benar bila upaya terakhirnya gagal atau ditolak., classification: internal}
  tepat: {description: Benar bila masuk sampai jatuh tempo; kosong bila tidak terukur., classification: internal}
  diterima: {description: Baris pada versi yang berlaku., satuan: baris, classification: internal}
  dikarantina: {description: Baris yang dikarantina saat versi itu dibuat., satuan: baris, classification: internal}
  asal_data: {description: "Asal data: resmi, tiruan atau ulangan.", classification: internal}
--- */
WITH kini AS (
    SELECT * FROM ops.harapan
    QUALIFY row_number() OVER (PARTITION BY dataset ORDER BY partisi DESC, waktu DESC) = 1
),

menetap AS (
    SELECT
        dataset,
        partisi,
        arg_max(status, (selesai, run_id)) AS status,
        arg_max(diterima, (selesai, run_id)) AS diterima,
        arg_max(dikarantina, (selesai, run_id)) AS dikarantina,
        arg_max(asal, (selesai, run_id)) AS asal,
        CAST(min(selesai) + INTERVAL 7 HOUR AS DATE) AS pertama_masuk,
        min(jatuh_tempo) AS jatuh_tempo
    FROM ops.hasil
    WHERE status IN ('diterima', 'kosong')
    GROUP BY dataset, partisi
),

terakhir AS (
    SELECT dataset, partisi, arg_max(status, (selesai, run_id)) AS status
    FROM ops.hasil
    GROUP BY dataset, partisi
),

mulai AS (
    SELECT h.dataset, min(m.partisi) AS partisi_pertama, CAST(min(h.mulai) + INTERVAL 7 HOUR AS DATE) AS ditarik_sejak
    FROM ops.hasil AS h
    LEFT JOIN menetap AS m ON m.dataset = h.dataset AND m.partisi = h.partisi
    GROUP BY h.dataset
),

dijanjikan AS (
    SELECT
        k.dataset,
        unnest(
            CASE
                WHEN k.butiran = 'harian' THEN list_filter(
                    generate_series(
                        greatest(CAST(k.diharapkan AS DATE) - 29, coalesce(CAST(m.partisi_pertama AS DATE), DATE '1970-01-01')),
                        CAST(k.diharapkan AS DATE), INTERVAL 1 DAY
                    ),
                    lambda hari : NOT k.hari_kerja OR isodow(hari) <= 5
                )
                WHEN k.butiran = 'bulanan' THEN generate_series(
                    greatest(
                        CAST(CAST(k.diharapkan AS DATE) - INTERVAL 11 MONTH AS DATE),
                        coalesce(CAST(m.partisi_pertama AS DATE), CAST(k.diharapkan AS DATE))
                    ),
                    CAST(k.diharapkan AS DATE), INTERVAL 1 MONTH
                )
                WHEN k.butiran = 'tahunan' THEN [CAST(k.diharapkan AS TIMESTAMP)]
            END
        ) AS saat
    FROM kini AS k
    LEFT JOIN mulai AS m ON m.dataset = k.dataset
    WHERE k.diharapkan IS NOT NULL
),

semua AS (
    SELECT dataset, strftime(saat, '%Y-%m-%d') AS partisi FROM dijanjikan
    UNION ALL
    SELECT dataset, 'semua' FROM kini WHERE diharapkan IS NULL
    UNION ALL
    -- What came before it was promised counts like the rest.
    SELECT m.dataset, m.partisi
    FROM menetap AS m
    INNER JOIN kini AS k ON k.dataset = m.dataset AND m.partisi > k.diharapkan
    WHERE regexp_full_match(m.partisi, '\d{4}-\d{2}-\d{2}')
)
SELECT
    CAST(k.partisi AS DATE) AS per_tanggal,
    k.instansi,
    k.nama,
    k.opd,
    s.dataset,
    k.judul,
    k.butiran,
    s.partisi,
    m.dataset IS NOT NULL AS ada,
    coalesce(m.status = 'kosong', false) AS kosong,
    coalesce(t.status NOT IN ('diterima', 'tidak_berubah', 'kosong', 'dikarantina'), false) AS bermasalah,
    CASE WHEN m.jatuh_tempo >= a.ditarik_sejak THEN m.pertama_masuk <= m.jatuh_tempo END AS tepat,
    m.diterima,
    m.dikarantina,
    nullif(m.asal, '') AS asal_data
FROM semua AS s
INNER JOIN kini AS k ON k.dataset = s.dataset
LEFT JOIN menetap AS m ON m.dataset = s.dataset AND m.partisi = s.partisi
LEFT JOIN terakhir AS t ON t.dataset = s.dataset AND t.partisi = s.partisi
LEFT JOIN mulai AS a ON a.dataset = s.dataset
