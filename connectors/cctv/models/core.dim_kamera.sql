/* ---
description: >-
  Kamera lalu lintas Kota Medan dalam keadaan terakhir yang terlihat. Nama berubah-ubah ejaannya; id_kamera tidak.
  Alamat siaran adalah asumsi dari salinan umum daftar perangkat, bukan dari daftar kamera resmi.
grain: Satu baris per kamera
columns:
  id_kamera: {description: Nomor kamera pada ATCS; kunci penyambung., classification: public}
  nama_kamera: {description: Nama terakhir yang terlihat., classification: public}
  nama_lokal: {description: Sebutan setempat persimpangan (asumsi)., classification: public}
  lintang: {description: Lintang terakhir yang terlihat (WGS 84)., satuan: derajat, classification: public}
  bujur: {description: Bujur terakhir yang terlihat (WGS 84)., satuan: derajat, classification: public}
  kode_bps: {description: Kode BPS Kota Medan., classification: public}
  kode_kemendagri: {description: Kode Kemendagri Kota Medan., classification: public}
  pertama_terlihat: {description: Tanggal potret pertama yang memuat kamera ini., classification: public}
  terakhir_terlihat: {description: Tanggal potret terakhir yang memuat kamera ini., classification: public}
  terdaftar: {description: Benar bila kamera ada pada potret terbaru., classification: public}
  nama_aliran: {description: Nama siaran yang dicoba pertama kali (asumsi)., classification: internal}
  url_hls: {description: Alamat daftar putar HLS (asumsi)., classification: internal}
  asal_data: {description: "Asal data: resmi, tiruan atau ulangan.", classification: public}
--- */
WITH terakhir AS (
    SELECT
        id_kamera,
        arg_max(nama_kamera, tanggal_potret) AS nama_kamera,
        arg_max(lintang, tanggal_potret) FILTER (WHERE lintang IS NOT NULL AND bujur IS NOT NULL) AS lintang,
        arg_max(bujur, tanggal_potret) FILTER (WHERE lintang IS NOT NULL AND bujur IS NOT NULL) AS bujur,
        min(tanggal_potret) AS pertama_terlihat,
        max(tanggal_potret) AS terakhir_terlihat,
        arg_max(_asal, tanggal_potret) AS asal_data
    FROM source.cctv__kamera
    GROUP BY id_kamera
)
SELECT
    t.id_kamera,
    t.nama_kamera,
    a.nama_lokal,
    t.lintang,
    t.bujur,
    '1275' AS kode_bps,
    '12.71' AS kode_kemendagri,
    t.pertama_terlihat,
    t.terakhir_terlihat,
    t.terakhir_terlihat = max(t.terakhir_terlihat) OVER () AS terdaftar,
    a.nama_aliran,
    'https://atcsdishub.medan.go.id/stream/' || a.nama_aliran || '/stream.m3u8' AS url_hls,
    t.asal_data
FROM terakhir AS t
LEFT JOIN source.cctv__aliran_kamera AS a ON a.id_kamera = t.id_kamera AND a.urutan = 1
