# Posthouse on Nomad, over the data centres of one region (the store's latency is every commit's: keep it within a few milliseconds). Doors stand in
# every data centre and clients reach the near one by DNS; workers stand where bandwidth is cheap. Other regions are cells of their own, with
# stores of their own (docs/scale.md).
variable "version" { default = "latest" }

job "posthouse" {
  datacenters = ["east-1", "east-2", "east-3"]

  update {
    max_parallel      = 1
    health_check      = "checks"
    min_healthy_time  = "10s"
    healthy_deadline  = "2m"
    progress_deadline = "10m"
    auto_revert       = true
    canary            = 1
  }

  group "doors" {
    count = 6

    spread {
      attribute = "${node.datacenter}"
    }

    network {
      port "smtp" { static = 25 }
      port "submission" { static = 587 }
      port "submissions" { static = 465 }
      port "imap" { static = 143 }
      port "imaps" { static = 993 }
      port "http" { static = 8080 }
    }

    service {
      name = "posthouse-doors"
      port = "imaps"
      tags = ["${node.datacenter}"]
      check {
        type     = "http"
        port     = "http"
        path     = "/readyz"
        interval = "2s"
        timeout  = "1s"
      }
    }

    task "posthouse" {
      driver       = "docker"
      kill_signal  = "SIGTERM"
      kill_timeout = "60s"
      # Not ready first, gone later: clients have time to go elsewhere.
      shutdown_delay = "10s"

      config {
        image        = "registry.example.org/posthouse:${var.version}"
        network_mode = "host"
        args         = ["serve", "--config", "/local/posthouse.toml"]
      }

      template {
        destination = "local/posthouse.toml"
        data        = <<-TOML
          hostname = "{{ env "node.unique.name" }}.mail.example.org"
          role = "data"
          data = "/alloc/data"
          stop_timeout = "50s"
          [listen]
          smtp = "0.0.0.0:25"
          submission = "0.0.0.0:587"
          submissions = "0.0.0.0:465"
          imap = "0.0.0.0:143"
          imaps = "0.0.0.0:993"
          http = "0.0.0.0:8080"
          [tls]
          chain = "/secrets/chain.pem"
          key = "/secrets/key.pem"
          [store]
          kind = "foundationdb"
          foundationdb_cluster = "/secrets/fdb.cluster"
          master_key = "/secrets/master.key"
          [objects]
          kind = "s3"
          endpoint = "https://s3.east.example.org"
          bucket = "mail-east"
          [bus]
          kind = "nats"
          url = "nats://nats.service.consul:4222"
          [cells]
          redis_url = "redis://redis.service.consul:6379"
          [queue]
          enabled = false
          [upkeep]
          enabled = false
        TOML
      }

      template {
        destination = "secrets/environment"
        env         = true
        data        = <<-ENV
          {{ with nomadVar "nomad/jobs/posthouse" }}POSTHOUSE_OBJECTS_ACCESS_KEY={{ .access_key }}
          POSTHOUSE_OBJECTS_SECRET_KEY={{ .secret_key }}{{ end }}
        ENV
      }

      resources {
        cpu    = 2000
        memory = 2048
      }
    }
  }

  group "workers" {
    count = 3

    affinity {
      attribute = "${node.datacenter}"
      value     = "east-3"
      weight    = 80
    }

    network {
      port "http" {}
    }

    service {
      name = "posthouse-workers"
      port = "http"
      check {
        type     = "http"
        path     = "/readyz"
        interval = "5s"
        timeout  = "1s"
      }
    }

    scaling {
      enabled = true
      min     = 1
      max     = 20
      policy {
        check "backlog" {
          source = "prometheus"
          query  = "avg(posthouse_queue_due)"
          strategy "target-value" {
            target = 1000
          }
        }
      }
    }

    task "posthouse" {
      driver       = "docker"
      kill_signal  = "SIGTERM"
      kill_timeout = "60s"

      config {
        image        = "registry.example.org/posthouse:${var.version}"
        network_mode = "host"
        args         = ["serve", "--config", "/local/posthouse.toml"]
      }

      template {
        destination = "local/posthouse.toml"
        data        = <<-TOML
          hostname = "{{ env "node.unique.name" }}.mail.example.org"
          role = "data"
          data = "/alloc/data"
          stop_timeout = "50s"
          [listen]
          http = "0.0.0.0:{{ env "NOMAD_PORT_http" }}"
          [store]
          kind = "foundationdb"
          foundationdb_cluster = "/secrets/fdb.cluster"
          master_key = "/secrets/master.key"
          [objects]
          kind = "s3"
          endpoint = "https://s3.east.example.org"
          bucket = "mail-east"
          [bus]
          kind = "nats"
          url = "nats://nats.service.consul:4222"
        TOML
      }

      resources {
        cpu    = 1000
        memory = 1024
      }
    }
  }
}
