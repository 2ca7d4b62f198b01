/* ---
description: >-
  Baris yang dikarantina oleh upaya terakhir yang menetapkan atau menolak setiap partisi dalam jendela kualitas_partisi,
  menurut dataset dan alasan.
grain: Satu baris per dataset dan alasan
halaman: kualitas
urutan: 40
per: per_tanggal
tampil: [nama, dataset, alasan, jumlah, jumlah_partisi, partisi_terbaru]
susun: ["-jumlah"]
columns:
  per_tanggal: {description: Hari (WIB) janji dan isi terakhir dibandingkan., classification: internal}
  instansi: {description: Kode instansi., classification: internal}
  nama: {description: Nama instansi., classification: internal}
  opd: {description: OPD yang bertugas., classification: internal}
  dataset: {description: Dataset., classification: internal}
  alasan: {description: Alasan karantina., classification: internal}
  jumlah: {description: Baris yang dikarantina., satuan: baris, classification: internal}
  jumlah_partisi: {description: Partisi yang memuatnya., satuan: partisi, classification: internal}
  partisi_terbaru: {description: Partisi terbaru di antaranya., classification: internal}
  asal_data: {description: "Asal data: resmi, tiruan atau ulangan.", classification: internal}
--- */
WITH penentu AS (
    SELECT dataset, partisi, arg_max(run_id, (selesai, run_id)) AS run_id, arg_max(asal, (selesai, run_id)) AS asal
    FROM ops.hasil
    WHERE status IN ('diterima', 'kosong', 'diblokir', 'cakupan_kurang')
    GROUP BY dataset, partisi
)
SELECT
    p.per_tanggal,
    p.instansi,
    p.nama,
    p.opd,
    p.dataset,
    b.alasan,
    CAST(count(*) AS BIGINT) AS jumlah,
    CAST(count(DISTINCT b.partisi) AS INTEGER) AS jumlah_partisi,
    max(b.partisi) AS partisi_terbaru,
    nullif(max(u.asal), '') AS asal_data
FROM quarantine.baris AS b
INNER JOIN penentu AS u ON u.dataset = b.dataset AND u.partisi = b.partisi AND u.run_id = b.run_id
INNER JOIN dashboard.kualitas_partisi AS p ON p.dataset = b.dataset AND p.partisi = b.partisi
GROUP BY p.per_tanggal, p.instansi, p.nama, p.opd, p.dataset, b.alasan
