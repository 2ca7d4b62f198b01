/* ---
description: >-
  Ketersediaan siaran setiap kamera dan jam pada tujuh tanggal terakhir. Jam tanpa satu pun pemeriksaan yang sah adalah
  tidak diketahui, bukan mati.
grain: Satu baris per tanggal, kamera dan jam
halaman: cctv
urutan: 20
per: tanggal
tampil: [tanggal, jam, kamera, keadaan, uptime, probe_sah, pemeriksa_mati]
susun: ["-tanggal", kamera, jam]
baris: {id_kamera: id_kamera}
columns:
  tanggal: {description: Tanggal (WIB)., classification: public}
  jam: {description: Jam WIB 0 sampai 23., classification: public}
  id_kamera: {description: Nomor kamera., classification: public}
  kamera: {description: Sebutan kamera., classification: public}
  keadaan: {description: "siaran (separuh pemeriksaan atau lebih berhasil), terganggu, mati, atau tidak diketahui.", classification: public}
  uptime: {description: Pemeriksaan yang berhasil di antara yang sah; kosong bila tidak diketahui., satuan: persen, classification: public}
  probe_sah: {description: Pemeriksaan yang sah., satuan: slot, classification: public}
  pemeriksa_mati: {description: Slot saat pemeriksa tidak berdenyut., satuan: slot, classification: public}
  asal_data: {description: "Asal data: resmi, tiruan atau ulangan.", classification: public}
  dataset: {description: Dataset baris di baliknya., classification: public}
  partisi: {description: Partisi dataset itu., classification: public}
--- */
WITH akhir AS (
    SELECT max(tanggal) AS tanggal FROM core.fct_ketersediaan_cctv
)
SELECT
    f.tanggal,
    f.jam,
    f.id_kamera,
    coalesce(k.nama_lokal, k.nama_kamera, 'Kamera ' || f.id_kamera) AS kamera,
    CASE
        WHEN f.probe_sah = 0 THEN 'tidak diketahui'
        WHEN f.up = 0 THEN 'mati'
        WHEN 2 * f.up < f.probe_sah THEN 'terganggu'
        ELSE 'siaran'
    END AS keadaan,
    f.uptime_persen AS uptime,
    f.probe_sah,
    f.unknown_pemeriksa_mati AS pemeriksa_mati,
    f.asal_data,
    'cctv.ketersediaan_cctv' AS dataset,
    CAST(f.tanggal AS VARCHAR) AS partisi
FROM core.fct_ketersediaan_cctv AS f
INNER JOIN akhir AS a ON f.tanggal > a.tanggal - 7
LEFT JOIN core.dim_kamera AS k ON k.id_kamera = f.id_kamera
