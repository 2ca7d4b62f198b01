/* ---
description: >-
  Hasil pemeriksaan semua kamera per hari. Slot yang tidak diperiksa karena pemeriksa mati, atau karena sebab lain, adalah
  tidak diketahui dan tidak menurunkan ketersediaan.
grain: Satu baris per tanggal dan hasil
halaman: cctv
urutan: 30
per: tanggal
partition: tanggal
tampil: [tanggal, hasil, slot, bagian, uptime]
susun: ["-tanggal", urutan]
columns:
  tanggal: {description: Tanggal (WIB)., classification: public}
  hasil: {description: "siaran, gagal, tidak diketahui: pemeriksa mati, atau tidak diketahui: lainnya.", classification: public}
  urutan: {description: Urutan gambar., classification: public}
  slot: {description: Banyaknya slot kamera., satuan: slot, classification: public}
  bagian: {description: Bagian dari semua slot hari itu., satuan: persen, classification: public}
  uptime: {description: Siaran di antara yang sah pada hari itu; sama pada setiap baris hari itu., satuan: persen, classification: public}
  asal_data: {description: "Asal data: resmi, tiruan atau ulangan.", classification: public}
  dataset: {description: Dataset baris di baliknya., classification: public}
  partisi: {description: Partisi dataset itu., classification: public}
--- */
WITH hari AS (
    SELECT
        tanggal,
        sum(up) AS up,
        sum(probe_sah) AS sah,
        sum(unknown) AS unknown,
        sum(unknown_pemeriksa_mati) AS pemeriksa_mati,
        max(asal_data) AS asal_data
    FROM core.fct_ketersediaan_cctv_harian
    GROUP BY tanggal
),

bagian AS (
    SELECT
        *,
        unnest([
            {'urutan': 1, 'hasil': 'siaran', 'slot': up},
            {'urutan': 2, 'hasil': 'gagal', 'slot': sah - up},
            {'urutan': 3, 'hasil': 'tidak diketahui: pemeriksa mati', 'slot': pemeriksa_mati},
            {'urutan': 4, 'hasil': 'tidak diketahui: lainnya', 'slot': unknown - pemeriksa_mati}
        ]) AS b
    FROM hari
)
SELECT
    tanggal,
    b.hasil AS hasil,
    b.urutan AS urutan,
    CAST(b.slot AS BIGINT) AS slot,
    round(100.0 * b.slot / nullif(sah + unknown, 0), 2) AS bagian,
    round(100.0 * up / nullif(sah, 0), 2) AS uptime,
    asal_data,
    'cctv.ketersediaan_cctv' AS dataset,
    CAST(tanggal AS VARCHAR) AS partisi
FROM bagian
